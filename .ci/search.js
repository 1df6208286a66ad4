// Check of the search of a built site: `node .ci/search.js SITE [WORDS ...]`.
//
// The scripts of the site's own search are run for all search words of docs/start/tasks.md. The page of a row must be
// among the first three pages of the results. Prints one line for each search where it is not; the status is then 1.
// With WORDS, the first ten results for them are printed instead.

"use strict";
const fs = require("fs");
const path = require("path");
const vm = require("vm");

const ROOT = path.dirname(__dirname);
const TASKS = path.join(ROOT, "docs", "start", "tasks.md");
const LAST_RANK = 3;
const ROW = /^\| (.+?) \| \[.+?\]\((.+?)\) \| (.+?) \|$/gm;

// What the scripts need of a browser when no result is displayed.
function makeWindow() {
  const element = { dataset: { content_root: "./" }, classList: { add() {} }, addEventListener() {}, style: {} };
  const window = {
    console, URLSearchParams,
    location: { search: "" },
    localStorage: { getItem: () => null, setItem() {}, removeItem() {} },
    document: {
      readyState: "loading", addEventListener() {}, getElementById: () => null, createElement: () => element,
      querySelector: () => null, querySelectorAll: () => [], documentElement: element, body: element,
    },
  };
  return Object.assign(window, { window });
}

// A function that returns the pages that are found for some words, best first.
function loadSearch(site) {
  const context = vm.createContext(makeWindow());
  const page = fs.readFileSync(path.join(site, "search.html"), "utf8");
  const scripts = [...page.matchAll(/<script[^>]* src="([^"?]+)/g)].map((match) => match[1]);
  const needed = /doctools|documentation_options|sphinx_highlight|stemmer|language_data|searchtools|searchindex/;
  for (const script of scripts.filter((name) => needed.test(name))) {
    vm.runInContext(fs.readFileSync(path.join(site, script), "utf8"), context, { filename: script });
  }
  const search = vm.runInContext("(words) => Search._performSearch(...Search._parseQuery(words))", context);
  return (words) => [...new Set(search(words).map((result) => result[0]).reverse())];
}

// [task, page, words] for each search of the table.
function readTasks() {
  const rows = [];
  for (const [, task, link, cell] of fs.readFileSync(TASKS, "utf8").matchAll(ROW)) {
    const page = path.posix.join("start", link.split("#")[0]).replace(/\.md$/, "");
    const name = page.replace(/^gallery\/(.*)\.py$/, "examples/$1");
    cell.split(", ").forEach((words) => rows.push([task, name, words]));
  }
  return rows;
}

const [site, ...given] = process.argv.slice(2);
if (!site) {
  console.error("usage: node .ci/search.js SITE [WORDS ...]");
  process.exit(2);
}
const search = loadSearch(site);
if (given.length) {
  search(given.join(" ")).slice(0, 10).forEach((page) => console.log(page));
  process.exit(0);
}
const tasks = readTasks();
const counts = new Array(LAST_RANK).fill(0);
let faults = 0;
for (const [task, page, words] of tasks) {
  const found = search(words);
  const rank = found.indexOf(page);
  if (rank >= 0 && rank < LAST_RANK) {
    counts[rank] += 1;
  } else {
    faults += 1;
    const place = rank < 0 ? "not found" : `rank ${rank + 1}`;
    console.log(`${task}: "${words}": ${page}: ${place}; first: ${found.slice(0, LAST_RANK).join(", ")}`);
  }
}
console.log(`${tasks.length} searches; ${counts[0]} pages are first, ${faults} are not among the first ${LAST_RANK}`);
process.exit(faults || !tasks.length ? 1 : 0);
