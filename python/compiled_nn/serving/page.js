"use strict";
// The form of a model: its fields as the text of a request, and the answer as elements. All text is set as text, never
// as HTML. Values are put together as text of JSON, so that a number has the digits that were typed.

const form = document.getElementById("form");
const answer = document.getElementById("answer");
const fields = [...form.querySelectorAll(".field")];
const keyed = fields.filter(field => field.dataset.key);
const MOST = 20; // classes that are shown
let latest = 0; // number of the last request; answers of earlier ones are dropped

function element(name, kind, ...parts) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.append(...parts);
  return made;
}

function control(field) {
  const [first, other] = field.querySelectorAll("input, select, textarea");
  return other && isOther(first) ? other : first;
}

const isOther = select => select.selectedOptions[0].hasAttribute("data-other");

function numeric(text) {
  if (/^-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?$/i.test(text)) return text;
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return String(Number(text));
  return JSON.stringify(text); // the service answers what is wrong with it
}

function valueOf(field) {
  const part = control(field), text = part.value;
  if (part.tagName === "SELECT") return text;
  if (field.dataset.type === "json") return text;
  if (field.dataset.type === "string" && part.type === "text") return JSON.stringify(text);
  if (text.trim() === "") return "null";
  if (field.dataset.type === "boolean") return /^(true|false)$/.test(text) ? text : JSON.stringify(text);
  return field.dataset.type === "number" ? numeric(text.trim()) : JSON.stringify(text);
}

function body() {
  const row = keyed.length
    ? `{${keyed.map(field => `${field.dataset.key}: ${valueOf(field)}`).join(", ")}}`
    : valueOf(form.querySelector('[data-type="json"]'));
  const parts = [`"rows": [${row}]`];
  const coverage = fields.find(field => field.id === "coverage");
  if (coverage && valueOf(coverage) !== "null") parts.push(`"coverage": ${valueOf(coverage)}`);
  if (form.dataset.check) parts.push('"check": true');
  return `{${parts.join(", ")}}`;
}

function showCommand() {
  const url = new URL(form.dataset.url, location.href);
  const text = body().replaceAll("'", "\\u0027");
  document.getElementById("command").textContent = `curl ${url} -d '${text}'`;
}

function mark(field, text, kind) {
  field.querySelector(`.${kind}`).textContent = text;
  if (kind === "error") control(field).setAttribute("aria-invalid", "true");
}

function clear() {
  for (const field of fields) {
    field.querySelector(".error").textContent = "";
    field.querySelector(".unusual").textContent = "";
    for (const part of field.querySelectorAll("[aria-invalid]")) part.removeAttribute("aria-invalid");
  }
}

const fieldOf = column => keyed.find(field => JSON.parse(field.dataset.key) === column);

function shown(number) {
  return typeof number === "number" ? String(Number(number.toPrecision(7))) : String(number);
}

const bounds = (low, high) => `${low === null ? "−∞" : shown(low)} to ${high === null ? "∞" : shown(high)}`;
const percent = share => `${Number((100 * share).toPrecision(4))} %`;

// Names of classes are those of Python: "True", "1.0".
function isNameOf(name, label) {
  if (typeof label === "number") return name.trim() !== "" && Number(name) === label;
  return typeof label === "boolean" ? name.toLowerCase() === String(label) : name === label;
}

function bars(probabilities, labels) {
  const ranked = Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
  const rows = ranked.slice(0, MOST).map(([name, share]) => {
    const filled = element("div"), bar = element("div", "bar", filled);
    filled.style.width = `${100 * share}%`;
    const head = element("th", "", name);
    head.scope = "row";
    const number = share === null ? "" : `${(100 * share).toFixed(2)} %`;
    return element("tr", labels.some(label => isNameOf(name, label)) ? "first" : "", head, element("td", "", bar), element("td", "number", number));
  });
  const table = element("table", "bars", element("tbody", "", ...rows));
  table.setAttribute("aria-label", "Probabilities");
  const others = ranked.length - rows.length;
  return others ? [table, element("p", "note", `and ${others} others`)] : [table];
}

function list(pairs) {
  const rows = pairs.map(([name, value]) => element("tr", "", element("th", "", name), element("td", "number", value)));
  return element("table", "", element("tbody", "", ...rows));
}

function parts(found) {
  const made = [], interval = found.interval, names = found.labels || [found.label];
  if ("label" in found || "labels" in found)
    made.push(element("p", "result", names.map(shown).join(", ") || "no label"));
  if ("value" in found) made.push(element("p", "result", shown(found.value)));
  if ("values" in found) {
    const among = i => (interval ? ` (${bounds(interval.lower[i], interval.upper[i])})` : "");
    const std = i => (found.std ? ` ± ${shown(found.std[i])}` : "");
    made.push(list(found.values.map((value, i) => [`value ${i + 1}`, shown(value) + std(i) + among(i)])));
  } else {
    if ("std" in found) made.push(element("p", "", `Standard deviation: ${shown(found.std)}`));
    if (interval)
      made.push(element("p", "", `Interval with ${percent(interval.coverage)} coverage: `,
        element("strong", "", bounds(interval.lower, interval.upper))));
  }
  if ("values" in found && interval)
    made.push(element("p", "note", `In brackets: intervals with ${percent(interval.coverage)} coverage`));
  if (found.set)
    made.push(element("p", "", `Set with ${percent(found.set.coverage)} coverage: `,
      element("strong", "", found.set.labels.map(shown).join(", ") || "no class")));
  if (found.quantiles) made.push(list(Object.entries(found.quantiles).map(([level, value]) => [`quantile ${level}`, shown(value)])));
  if (found.probabilities) made.push(...bars(found.probabilities, names));
  return made;
}

function hints(report) {
  const general = [];
  for (const [column, about] of Object.entries(report.columns)) {
    if (!about.outside.length) continue;
    const field = fieldOf(column);
    const unknown = Object.keys(about.unknown).length > 0;
    const what = unknown ? "is not a category of training" : "is outside what training saw";
    if (field) mark(field, `${control(field).value} ${what} (${about.trained}).`, "unusual");
    else general.push(element("p", "unusual", `${column}: ${about.outside.join("; ")} (training: ${about.trained}).`));
  }
  for (const finding of report.findings) {
    const field = fieldOf(finding.column);
    if (finding.kind === "missing" && field) mark(field, "A missing value is unusual here.", "unusual");
  }
  return general;
}

function fieldOfError(problem) {
  if (problem.error.startsWith("coverage")) return fields.find(field => field.id === "coverage");
  return fieldOf(problem.column) || form.querySelector('[data-type="json"]');
}

function showError(problem) {
  const field = fieldOfError(problem);
  if (field) {
    const text = problem.error.replace(/^Row 0(, column .*?)?: /, "").replace("or null if", "or nothing if");
    mark(field, text[0].toUpperCase() + text.slice(1), "error");
    control(field).focus();
    answer.replaceChildren(element("p", "error", "A field has an error."));
  } else answer.replaceChildren(element("p", "error", problem.error));
}

async function send() {
  const number = ++latest;
  let reply, found;
  try {
    reply = await fetch(form.dataset.url, {
      method: "POST", body: body(), headers: { "Content-Type": "application/json" },
    });
    found = await reply.json();
  } catch (problem) {
    found = { error: `The service does not answer: ${problem.message}` };
  }
  if (number !== latest) return;
  clear();
  if (found.error) return showError(found);
  const raw = element("details", "", element("summary", "", "Answer as JSON"),
    element("pre", "", JSON.stringify(found.predictions[0], null, 1)));
  answer.replaceChildren(...parts(found.predictions[0]), ...(found.check ? hints(found.check) : []), raw);
  answer.scrollIntoView({ block: "nearest" });
}

function changed() {
  for (const field of fields) {
    const [first, other] = field.querySelectorAll("input, select, textarea");
    if (other) other.hidden = !isOther(first);
  }
  showCommand();
  document.getElementById("changed").hidden = !answer.querySelector("details");
}

form.addEventListener("input", changed);
form.addEventListener("reset", () => setTimeout(() => { clear(); changed(); }));
form.addEventListener("submit", event => {
  event.preventDefault();
  document.getElementById("changed").hidden = true;
  send();
});
changed();
