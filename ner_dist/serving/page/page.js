// Shows the entities of a text as it is typed.
"use strict";

const WAIT_MS = 120;

// The last answer, for the buttons that copy it.
let last = { json: "", command: "" };
let timer = 0;
let asking = null;

function showState(name, content) {
  at("state").className = name;
  at("state").textContent = content;
}

// The parts of a string that blank lines separate, each with its first position in UTF-16 units.
function blocks(string) {
  if (!at("several").checked) return [{ start: 0, text: string }];
  const parts = [];
  let position = 0;
  let isOpen = false;
  for (const line of string.split("\n")) {
    if (!line.trim()) isOpen = false;
    else if (isOpen) parts.at(-1).text += `\n${line}`;
    else {
      parts.push({ start: position, text: line });
      isOpen = true;
    }
    position += line.length + 1;
  }
  return parts;
}

// What is longer than this server takes, in a sentence; it would refuse it.
function excess(parts) {
  const most = { characters: limits.max_characters ?? Infinity, texts: limits.max_texts ?? Infinity };
  for (const part of parts) {
    const number = [...part.text].length;
    if (number <= most.characters) continue;
    const cure = at("several").checked ? "Shorten it" : "Shorten it, or separate texts by blank lines";
    return `${at("several").checked ? "One of the texts" : "The text"} has ${count(number)} characters; this server takes at most ${count(most.characters)} at a time. ${cure}.`;
  }
  return parts.length > most.texts ? `These are ${count(parts.length)} texts; this server takes at most ${count(most.texts)} at a time.` : "";
}

function address() {
  return models.length > 1 ? `models/${at("route").value}/tag` : "tag";
}

async function ask() {
  asking?.abort();
  const mine = (asking = new AbortController());
  const string = text.value;
  const parts = blocks(string);
  const body = JSON.stringify(at("several").checked ? { texts: parts.map((part) => part.text) } : { text: string });
  const bearer = token ? " -H 'Authorization: Bearer '\"$TOKEN\"" : "";
  last.command = `curl ${new URL(address(), location.href)} -H 'Content-Type: application/json'${bearer} -d '${body.replaceAll("'", "'\\''")}'`;
  at("command").textContent = last.command;
  const tooMuch = excess(parts);
  if (tooMuch) return refused(413, tooMuch);
  try {
    const began = performance.now();
    const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
    const answer = await fetch(address(), { method: "POST", body, headers, signal: mine.signal });
    const content = await answer.json().catch(() => ({ error: `The server answered with status ${answer.status}.` }));
    if (mine !== asking) return;
    last.json = JSON.stringify(content, null, 2);
    at("json").textContent = last.json;
    if (answer.status === 401) return askForToken();
    if (!answer.ok) return refused(answer.status, `This text cannot be tagged: ${content.error}.`);
    took = Math.max(1, Math.round(performance.now() - began));
    problem.textContent = "";
    text.removeAttribute("aria-invalid");
    showState("", "ready");
    showIdentity(answer.headers.get("X-Model"));
    found.classList.remove("stale");
    show(string, inText(parts, content.results ?? [content]));
  } catch (error) {
    if (error.name === "AbortError" || mine !== asking) return;
    showState("away", "not reachable");
    problem.textContent = "The server does not answer. It may have been stopped; this page tries again on its own.";
    timer = setTimeout(ask, 2000);
  }
}

// The entities of all parts, with positions in the whole text.
function inText(parts, results) {
  return results.flatMap(({ entities }, place) =>
    inUnits(parts[place].text, entities).map((entity) => {
      return { ...entity, start: entity.start + parts[place].start, end: entity.end + parts[place].start };
    }),
  );
}

function refused(status, sentence) {
  const isBusy = status === 503;
  at("summary").textContent = "";
  showState(isBusy ? "busy" : "", isBusy ? "busy" : "ready");
  problem.textContent = isBusy ? "The server is busy; this page asks again in a moment." : sentence;
  // Where the user looks: the text itself is marked, and what was found in an older one goes.
  if (!isBusy) text.setAttribute("aria-invalid", "true");
  if (!isBusy) {
    show("", []);
    found.classList.remove("stale");
  } else timer = setTimeout(ask, 1000);
}

function changed() {
  clearTimeout(timer);
  const string = text.value;
  found.classList.add("stale");
  show(string, moved(shown, string));
  at("count").textContent = string ? `${count([...string].length)} characters${at("several").checked ? `, ${count(blocks(string).length)} texts` : ""}` : "";
  timer = setTimeout(ask, WAIT_MS);
}

// What the buttons copy: tab-separated columns of what is shown, or the JSON or command as it stands.
function toCopy(what) {
  if (what !== "list") return last[what];
  return shown.entities.filter(isShown).map((entity) => [shown.text.slice(entity.start, entity.end), entity.type, entity.confidence].join("\t")).join("\n");
}

function listen() {
  text.addEventListener("input", changed);
  at("several").addEventListener("change", changed);
  at("route").addEventListener("change", choose);
  threshold.addEventListener("input", () => {
    at("least").textContent = `${threshold.value} %`;
    show(shown.text, shown.entities);
  });
  addEventListener("scroll", hideTip, { passive: true });
  addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
  at("token-panel").addEventListener("submit", (event) => {
    event.preventDefault();
    token = at("token").value.trim();
    sessionStorage.setItem("token", token);
    at("token-panel").hidden = true;
    start();
  });
  for (const button of document.querySelectorAll(".copy")) {
    const name = button.textContent;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(toCopy(button.dataset.copy)).then(
        () => (button.textContent = "Copied"),
        () => (button.textContent = "Not allowed here"),
      );
      setTimeout(() => (button.textContent = name), 1500);
    });
  }
}

listen();
start();
