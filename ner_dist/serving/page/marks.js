// Entities in the text: coloured marks, the legend of their types, and the threshold from which they show.
// Texts reach the page only as text nodes, never as markup.
"use strict";

const UNSURE = 0.8;

const at = (id) => document.getElementById(id);
const [text, found, problem, tip, threshold] = ["text", "found", "problem", "tip", "threshold"].map(at);
// The text on show and its entities, whose positions count UTF-16 units, as JavaScript's strings do.
let shown = { text: "", entities: [] };
// Milliseconds of the last answer.
let took = 0;
// The legend's buttons by type; the entities of a type show while its button is pressed.
const buttons = new Map();

function element(name, content, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = content;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const percent = (share) => (share > 0.9995 ? "over 99.9 %" : `${(100 * share).toFixed(1)} %`);

const isSure = (entity) => entity.confidence >= threshold.value / 100;
const isShown = (entity) => isSure(entity) && buttons.get(entity.type).ariaPressed !== "false";

const count = (number) => number.toLocaleString("en");

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
    button.lastChild.textContent = entities.filter((entity) => entity.type === type && isSure(entity)).length;
  }
  summarise();
  hideTip();
}

function markOf(entity, string) {
  const button = buttons.get(entity.type);
  const mark = element("mark", string, { "data-type": entity.type, dir: "auto" });
  mark.style.setProperty("--h", button.style.getPropertyValue("--h"));
  mark.style.setProperty("--sure", entity.confidence);
  mark.classList.toggle("unsure", entity.confidence < UNSURE);
  const isOff = button.ariaPressed === "false" || !isSure(entity);
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

function summarise() {
  const number = shown.entities.filter(isShown).length;
  const hidden = shown.entities.length - number;
  const unsure = shown.entities.some((entity) => isShown(entity) && entity.confidence < UNSURE) ? "; dashed: less than 80 % sure" : "";
  const what = `${number || "no"} ${number === 1 ? "entity" : "entities"}${hidden ? `, ${hidden} hidden` : ""}${took ? `, ${took} ms` : ""}${unsure}`;
  at("summary").textContent = shown.text && !found.classList.contains("stale") ? what : "";
}
