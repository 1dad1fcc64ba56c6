// Shows the entities of a text as it is typed. Texts reach the page as text nodes alone, never as markup.
"use strict";

const WAIT_MS = 120;
const UNSURE = 0.8;
const EXAMPLES = {
  News: "Angela Merkel met Tim Cook at Apple's offices in Munich on Tuesday. The European Commission had fined the company in 2016, and Ireland's government appealed with Margrethe Vestager looking on.",
  Sport: "Japan began the defence of their Asian Cup title with a lucky 2-1 win against Syria on Friday. At Lord's, Leicestershire captain James Whitaker and England's Alan Mullally took Somerset apart; Real Madrid and Borussia Dortmund play next week.",
  "Emoji, accents": "👩‍🚀 Samantha Cristoforetti 🇮🇹 left Zu\u0308rich for São Paulo 🛫, while Bjo\u0308rk sang in Reykjavík 🎤.",
  "Right to left": "זוהי ירושלים: Benjamin Netanyahu התקשר אל Emmanuel Macron בפריז.",
};

const at = (id) => document.getElementById(id);
const [text, found, legend, tip] = ["text", "found", "legend", "tip"].map(at);
// The text that found shows, and its entities, whose places count UTF-16 units, as JavaScript's strings do.
let shown = { text: "", entities: [] };
let types = [];
const off = new Set();
let timer = 0;
let asking = null;

function element(name, content, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = content;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Golden angle: neighbours differ, however many types there are.
const hue = (type) => (types.indexOf(type) * 137.5 + 210) % 360;
const percent = (share) => (share > 0.9995 ? "over 99.9 %" : `${(100 * share).toFixed(1)} %`);

// Where each code point begins in UTF-16 units, and the end.
function unitsOfCodePoints(string) {
  const units = [0];
  for (const character of string) units.push(units[units.length - 1] + character.length);
  return units;
}

function inUnits(string, entities) {
  const units = unitsOfCodePoints(string);
  return entities.map((entity) => ({ ...entity, start: units[entity.start], end: units[entity.end] }));
}

// Entities as they were, moved along with an edit, until the answer for the new text is there; those it touches go.
function carried(old, string) {
  const most = Math.min(old.text.length, string.length);
  let before = 0;
  while (before < most && old.text[before] === string[before]) before++;
  let after = 0;
  while (after < most - before && old.text[old.text.length - 1 - after] === string[string.length - 1 - after]) after++;
  const moved = string.length - old.text.length;
  return old.entities.flatMap((entity) => {
    if (entity.end <= before) return [entity];
    if (entity.start < old.text.length - after) return [];
    return [{ ...entity, start: entity.start + moved, end: entity.end + moved }];
  });
}

function show(string, entities) {
  shown = { text: string, entities };
  const parts = [];
  let place = 0;
  for (const entity of entities) {
    parts.push(string.slice(place, entity.start), markOf(entity, string.slice(entity.start, entity.end)));
    place = entity.end;
  }
  found.replaceChildren(...parts, string.slice(place));
  hideTip();
  showLegend();
}

function markOf(entity, string) {
  const mark = element("mark", string, { "data-type": entity.type, dir: "auto" });
  mark.style.setProperty("--h", hue(entity.type));
  mark.style.setProperty("--sure", entity.confidence);
  mark.classList.toggle("unsure", entity.confidence < UNSURE);
  mark.classList.toggle("off", off.has(entity.type));
  if (!off.has(entity.type)) {
    mark.tabIndex = 0;
    const what = `${entity.type}, ${percent(entity.confidence)} sure`;
    mark.setAttribute("aria-description", what);
    for (const event of ["mouseenter", "focus"]) mark.addEventListener(event, () => showTip(mark, what));
    for (const event of ["mouseleave", "blur"]) mark.addEventListener(event, hideTip);
  }
  return mark;
}

function showTip(mark, content) {
  tip.textContent = content;
  tip.hidden = false;
  const box = mark.getClientRects()[0];
  const left = box.left + (box.width - tip.offsetWidth) / 2;
  tip.style.left = `${Math.max(8, Math.min(left, document.documentElement.clientWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${box.top > tip.offsetHeight + 10 ? box.top - tip.offsetHeight - 6 : box.bottom + 6}px`;
}

function hideTip() {
  tip.hidden = true;
}

function showLegend() {
  const focused = document.activeElement?.dataset?.legend;
  const counts = new Map(types.map((type) => [type, 0]));
  for (const { type } of shown.entities) counts.set(type, (counts.get(type) ?? 0) + 1);
  legend.replaceChildren(
    ...[...counts].map(([type, count]) => {
      const button = element("button", type, { type: "button", "aria-pressed": !off.has(type), "data-legend": type });
      button.style.setProperty("--h", hue(type));
      button.append(element("span", count));
      button.addEventListener("click", () => {
        if (!off.delete(type)) off.add(type);
        show(shown.text, shown.entities);
      });
      return button;
    }),
  );
  if (focused) [...legend.children].find((button) => button.dataset.legend === focused)?.focus();
}

function tell(problem) {
  at("problem").textContent = problem;
  at("problem").hidden = !problem;
}

function state(name, content) {
  at("state").className = name;
  at("state").textContent = content;
}

async function ask() {
  asking?.abort();
  const mine = (asking = new AbortController());
  const string = text.value;
  const body = JSON.stringify({ text: string });
  at("command").textContent = `curl ${new URL("tag", location.href)} -d '${body.replaceAll("'", "'\\''")}'`;
  try {
    const began = performance.now();
    const request = { method: "POST", body, headers: { "Content-Type": "application/json" }, signal: mine.signal };
    const answer = await fetch("tag", request);
    const said = await answer.json().catch(() => ({ error: `The server has answered with status ${answer.status}.` }));
    if (mine !== asking) return;
    at("json").textContent = JSON.stringify(said, null, 2);
    if (!answer.ok) return refused(answer.status, said.error);
    const took = Math.round(performance.now() - began);
    tell("");
    state("", "ready");
    found.classList.remove("stale");
    show(string, inUnits(string, said.entities));
    const number = said.entities.length;
    const unsure = said.entities.some(({ confidence }) => confidence < UNSURE) ? "; dashed: less than 80 % sure" : "";
    const what = `${number || "no"} ${number === 1 ? "entity" : "entities"}, ${took} ms${unsure}`;
    at("summary").textContent = string ? what : "";
  } catch (error) {
    if (error.name === "AbortError" || mine !== asking) return;
    state("away", "not reachable");
    tell("The server does not answer. It may have been stopped; this page tries again by itself.");
    timer = setTimeout(ask, 2000);
  }
}

function refused(status, sentence) {
  at("summary").textContent = "";
  if (status === 503) {
    state("busy", "busy");
    tell("The server is busy; this page asks again in a moment.");
    timer = setTimeout(ask, 1000);
  } else {
    state("", "ready");
    tell(`This text cannot be tagged: ${sentence}.`);
  }
}

function changed() {
  clearTimeout(timer);
  const string = text.value;
  show(string, carried(shown, string));
  found.classList.add("stale");
  at("count").textContent = string ? `${[...string].length.toLocaleString("en")} characters` : "";
  timer = setTimeout(ask, WAIT_MS);
}

async function begin() {
  for (const [name, example] of Object.entries(EXAMPLES)) {
    const button = element("button", name, { type: "button" });
    button.addEventListener("click", () => {
      text.value = example;
      changed();
    });
    at("examples").append(button);
  }
  text.addEventListener("input", changed);
  addEventListener("scroll", hideTip, { passive: true });
  addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
  at("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText(at("json").textContent).then(
      () => (at("copy").textContent = "Copied"),
      () => (at("copy").textContent = "Not allowed here"),
    );
    setTimeout(() => (at("copy").textContent = "Copy"), 1500);
  });
  const health = await fetch("healthz").then((answer) => answer.json()).catch(() => ({}));
  types = health.entity_types ?? [];
  // What the browser has kept of before a reload.
  text.value ||= EXAMPLES.News;
  changed();
  if (health.needs_pos) {
    clearTimeout(timer);
    tell("This model was trained with parts of speech, so it cannot tag plain text; send it tokens with pos.");
  }
}

begin();
