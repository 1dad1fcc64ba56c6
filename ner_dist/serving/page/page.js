// Shows the entities of a text as it is typed. Texts reach the page only as text nodes, never as markup.
"use strict";

const WAIT_MS = 120;
const UNSURE = 0.8;

const at = (id) => document.getElementById(id);
const [text, found, problem, tip] = ["text", "found", "problem", "tip"].map(at);
// The text on show and its entities, whose positions count UTF-16 units, as JavaScript's strings do.
let shown = { text: "", entities: [] };
// The legend's buttons by type; the entities of a type show while its button is pressed.
const buttons = new Map();
let timer = 0;
let asking = null;

function element(name, content, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = content;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const percent = (share) => (share > 0.9995 ? "over 99.9 %" : `${(100 * share).toFixed(1)} %`);

// The entities, whose positions count code points, with positions in UTF-16 units.
function inUnits(string, entities) {
  const units = [0];
  for (const character of string) units.push(units.at(-1) + character.length);
  return entities.map((entity) => ({ ...entity, start: units[entity.start], end: units[entity.end] }));
}

// The old entities moved along with an edit, to show until the answer comes; those that the edit touches are dropped.
function moved(old, string) {
  const most = Math.min(old.text.length, string.length);
  let before = 0;
  while (before < most && old.text[before] === string[before]) before++;
  let after = 0;
  while (after < most - before && old.text[old.text.length - 1 - after] === string[string.length - 1 - after]) after++;
  const shift = string.length - old.text.length;
  return old.entities.flatMap((entity) => {
    if (entity.end <= before) return [entity];
    if (entity.start < old.text.length - after) return [];
    return [{ ...entity, start: entity.start + shift, end: entity.end + shift }];
  });
}

function show(string, entities) {
  shown = { text: string, entities };
  for (const { type } of entities) addType(type);
  const parts = [];
  let position = 0;
  for (const entity of entities) {
    parts.push(string.slice(position, entity.start), markOf(entity, string.slice(entity.start, entity.end)));
    position = entity.end;
  }
  found.replaceChildren(...parts, string.slice(position));
  for (const [type, button] of buttons) {
    button.lastChild.textContent = entities.filter((entity) => entity.type === type).length;
  }
  hideTip();
}

function markOf(entity, string) {
  const button = buttons.get(entity.type);
  const mark = element("mark", string, { "data-type": entity.type, dir: "auto" });
  mark.style.setProperty("--h", button.style.getPropertyValue("--h"));
  mark.style.setProperty("--sure", entity.confidence);
  mark.classList.toggle("unsure", entity.confidence < UNSURE);
  const isOff = button.ariaPressed === "false";
  mark.classList.toggle("off", isOff);
  if (!isOff) {
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
  const box = mark.getClientRects()[0];
  const left = box.left + (box.width - tip.offsetWidth) / 2;
  tip.style.left = `${Math.max(8, Math.min(left, document.documentElement.clientWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${box.top > tip.offsetHeight + 10 ? box.top - tip.offsetHeight - 6 : box.bottom + 6}px`;
}

function hideTip() {
  tip.textContent = "";
}

function addType(type) {
  if (buttons.has(type)) return;
  const button = element("button", type, { type: "button", "aria-pressed": true });
  // Steps of the golden angle: neighbours differ, however many types there are.
  button.style.setProperty("--h", (buttons.size * 137.5 + 210) % 360);
  button.append(element("span", ""));
  button.addEventListener("click", () => {
    button.ariaPressed = button.ariaPressed === "false";
    show(shown.text, shown.entities);
  });
  at("legend").append(button);
  buttons.set(type, button);
}

function showState(name, content) {
  at("state").className = name;
  at("state").textContent = content;
}

async function ask() {
  asking?.abort();
  const mine = (asking = new AbortController());
  const string = text.value;
  const body = JSON.stringify({ text: string });
  at("command").textContent = `curl ${new URL("tag", location.href)} -H 'Content-Type: application/json' -d '${body.replaceAll("'", "'\\''")}'`;
  try {
    const began = performance.now();
    const request = { method: "POST", body, headers: { "Content-Type": "application/json" }, signal: mine.signal };
    const answer = await fetch("tag", request);
    const content = await answer.json().catch(() => ({ error: `The server answered with status ${answer.status}.` }));
    if (mine !== asking) return;
    at("json").textContent = JSON.stringify(content, null, 2);
    if (!answer.ok) return refused(answer.status, content.error);
    const took = Math.round(performance.now() - began);
    problem.textContent = "";
    showState("", "ready");
    found.classList.remove("stale");
    show(string, inUnits(string, content.entities));
    const number = content.entities.length;
    const unsure = content.entities.some(({ confidence }) => confidence < UNSURE) ? "; dashed: less than 80 % sure" : "";
    const what = `${number || "no"} ${number === 1 ? "entity" : "entities"}, ${took} ms${unsure}`;
    at("summary").textContent = string ? what : "";
  } catch (error) {
    if (error.name === "AbortError" || mine !== asking) return;
    showState("away", "not reachable");
    problem.textContent = "The server does not answer. It may have been stopped; this page tries again on its own.";
    timer = setTimeout(ask, 2000);
  }
}

function refused(status, sentence) {
  const isBusy = status === 503;
  at("summary").textContent = "";
  showState(isBusy ? "busy" : "", isBusy ? "busy" : "ready");
  const busy = "The server is busy; this page asks again in a moment.";
  problem.textContent = isBusy ? busy : `This text cannot be tagged: ${sentence}.`;
  if (isBusy) timer = setTimeout(ask, 1000);
}

function changed() {
  clearTimeout(timer);
  const string = text.value;
  show(string, moved(shown, string));
  found.classList.add("stale");
  at("count").textContent = string ? `${[...string].length.toLocaleString("en")} characters` : "";
  timer = setTimeout(ask, WAIT_MS);
}

async function begin() {
  const examples = [...at("examples").children];
  for (const example of examples) {
    example.addEventListener("click", () => {
      text.value = example.value;
      changed();
    });
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
  for (const type of health.entity_types ?? []) addType(type);
  // The browser may have restored a text after a reload.
  text.value ||= examples[0].value;
  changed();
  if (health.features?.length) {
    clearTimeout(timer);
    const names = health.features.join(", ");
    problem.textContent = `This model needs values of ${names} for each token, so it cannot tag plain text.`;
  }
}

begin();
