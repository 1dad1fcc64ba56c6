// The model that answers: which it is, which others there are, texts to try it on, and the token that it needs.
"use strict";

// Texts to begin with, by language, if the model brings none.
const EXAMPLES = {
  en: ["Angela Merkel met Tim Cook at Apple's offices in Munich on Tuesday, where Margrethe Vestager spoke for the European Commission."],
  de: ["Angela Merkel traf Tim Cook am Dienstag in München bei Siemens, wo Margrethe Vestager für die Europäische Kommission sprach."],
  fr: ["Emmanuel Macron a rencontré Tim Cook à Paris chez Renault, où Margrethe Vestager parlait pour la Commission européenne."],
  es: ["Pedro Sánchez se reunió con Tim Cook en Madrid, en la sede de Telefónica, con la Comisión Europea."],
  it: ["Mario Draghi ha incontrato Tim Cook a Milano nella sede di Pirelli con la Commissione europea."],
  nl: ["Mark Rutte ontmoette Tim Cook in Amsterdam bij Philips, waar de Europese Commissie sprak."],
  zh: ["王小明在北京大学学习，后来去了上海的华为公司。"],
};
let limits = {};
let models = [];
let token = sessionStorage.getItem("token") ?? "";
let answering = null;

// The model that has answered; its facts are asked for when it is another one.
async function showIdentity(name) {
  if (!name || name === answering) return;
  answering = name;
  at("model").textContent = name;
  const { model } = (await fetchModels()).find((each) => each.model && `${each.model.name}@${each.model.version}` === name) ?? {};
  if (!model) return;
  const f1 = model.dev_f1 === null ? null : `${(100 * model.dev_f1).toFixed(2)}`;
  const facts = { Name: model.name, Version: model.version, "F1 on dev": f1, Tokenizer: model.tokenizer, Created: model.created, Commit: model.commit, "Training data": model.data, SHA256: model.sha256 };
  const rows = Object.entries(facts).map(([key, value]) => {
    const row = element("tr", "");
    row.append(element("th", key, { scope: "row" }), element("td", value ?? "not known"));
    return row;
  });
  at("identity").replaceChildren(...rows);
  if (f1) at("model").textContent = `${name}, F1 ${f1} on dev`;
}

async function fetchModels() {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  models = await fetch("models", { headers }).then((answer) => (answer.ok ? answer.json() : [])).catch(() => []);
  return models;
}

function addExample(string, name) {
  const example = element("button", name, { type: "button", title: string.slice(0, 200) });
  example.value = string;
  example.addEventListener("click", () => {
    text.value = string;
    changed();
  });
  at("examples").append(example);
}

// Types and examples of the model that is chosen.
function choose() {
  const chosen = models.find((each) => each.route === at("route").value) ?? models.find((each) => each.default);
  at("legend").replaceChildren();
  buttons.clear();
  shown = { text: "", entities: [] };
  for (const type of chosen?.entity_types ?? []) addType(type);
  const language = /\((\w+)\)/.exec(chosen?.model?.tokenizer ?? "")?.[1];
  const own = chosen?.examples ?? [];
  const examples = own.length ? own : (EXAMPLES[language] ?? (chosen?.model?.tokenizer === "characters" ? EXAMPLES.zh : EXAMPLES.en));
  at("examples").replaceChildren();
  examples.slice(0, 4).forEach((string, place) => addExample(string, examples.length > 1 ? `Example ${place + 1}` : "Example"));
  // The browser may have restored a text after a reload.
  text.value ||= examples[0];
  changed();
  if (chosen?.features.length) {
    clearTimeout(timer);
    problem.textContent = `This model needs values of ${chosen.features.join(", ")} for each token, so it cannot tag plain text.`;
  }
}

function askForToken() {
  at("token-problem").textContent = token ? "This is not it." : "";
  at("token-panel").hidden = false;
  showState("busy", "needs a token");
  at("token").focus();
}

async function start() {
  const health = await fetch("healthz").then((answer) => answer.json()).catch(() => ({}));
  limits = health.limits ?? {};
  await fetchModels();
  at("models").hidden = models.length < 2;
  at("route").replaceChildren(...models.map(({ route }) => element("option", route, { value: route })));
  choose();
}
