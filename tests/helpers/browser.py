"""Pages of a service in a headless browser: a page with the page in a frame fills in its form and measures it."""

import contextlib
import html
import json
import re
import shutil
import socket
import subprocess
import threading

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--hide-scrollbars", "--disable-background-networking", "--disable-component-update"),
    "--virtual-time-budget=20000",
)
SCHEMES = {"light": 1, "dark": 0}
WAIT = 120  # seconds of a browser, on a busy machine
PAGE = """<!doctype html><meta charset="utf-8"><body style="margin:0"><pre id="found" hidden></pre>
<pre id="steps" hidden>%s</pre><script>
const steps = JSON.parse(document.getElementById("steps").textContent), results = [];
const text = part => part ? part.innerText.trim() : null;

const widthOf = (part, place) => part.querySelector(place).getBoundingClientRect().width;

function filled(page, label, value) {
  const of = [...page.querySelectorAll("label")].find(part => part.textContent === label);
  let part = page.getElementById(of.htmlFor);
  const set = (control, value) => {
    control.value = value;
    control.dispatchEvent(new Event("input", {bubbles: true}));
  };
  if (part.tagName !== "SELECT") return set(part, value);
  const option = [...part.options].find(each => each.textContent === value);
  (option || part.querySelector("[data-other]")).selected = true;
  part.dispatchEvent(new Event("input", {bubbles: true}));
  if (!option) set(page.getElementById(part.id + "-other"), value);
}

function measured(frame) {
  const page = frame.contentDocument, width = page.documentElement.clientWidth;
  const wide = [...page.querySelectorAll("body *")].filter(part => {
    const box = part.getBoundingClientRect();
    return box.width && (box.right > width + 1 || box.left < -1);
  });
  const fields = Object.fromEntries([...page.querySelectorAll(".field")].map(field => {
    const label = field.querySelector("label"), control = page.getElementById(label.htmlFor);
    const shown = [...field.querySelectorAll("input, select, textarea")].filter(part => !part.hidden).pop();
    return [label.textContent, {
      hint: text(field.querySelector(".hint")), error: text(field.querySelector(".error")),
      unusual: text(field.querySelector(".unusual")), value: control.value, type: control.type,
      invalid: shown.getAttribute("aria-invalid") === "true", focused: shown === page.activeElement,
    }];
  }));
  const raw = page.querySelector("#answer details pre"), body = frame.contentWindow.getComputedStyle(page.body);
  return {
    fields, answer: text(page.getElementById("answer")), raw: raw && JSON.parse(raw.textContent),
    result: text(page.querySelector(".result")), command: page.getElementById("command")?.textContent,
    bars: [...page.querySelectorAll(".bars tr")].map(row => [
      row.querySelector("th").textContent, text(row.querySelector(".number")),
      widthOf(row, ".bar div") / widthOf(row, ".bar"),
    ]),
    chosen: [...page.querySelectorAll(".bars .first th")].map(part => part.textContent),
    models: [...page.querySelectorAll("nav a")].map(part => [text(part), part.getAttribute("aria-current")]),
    title: text(page.querySelector("h1")), images: page.images.length, scripts: page.scripts.length,
    changed: text(page.querySelector("#changed:not([hidden])")),
    loaded: frame.contentWindow.performance.getEntriesByType("resource").map(each => each.name),
    width, scroll: page.documentElement.scrollWidth, wide: wide.map(part => part.outerHTML.slice(0, 80)),
    ink: body.color, back: body.backgroundColor,
  };
}

async function done(step) {
  const frame = document.createElement("iframe");
  Object.assign(frame, {width: step.width || 1280, height: step.height || 900, src: step.src});
  frame.style.border = 0;
  const loaded = new Promise(resolve => { frame.onload = resolve; });
  document.body.append(frame);
  await loaded;
  let page = frame.contentDocument;
  if (step.follow) {
    const next = new Promise(resolve => { frame.onload = resolve; });
    [...page.querySelectorAll("a")].find(part => text(part) === step.follow).click();
    await next;
    page = frame.contentDocument;
  }
  for (const [label, value] of Object.entries(step.fill || {})) filled(page, label, value);
  if (step.press) {
    const answered = new Promise(resolve => {
      new MutationObserver(resolve).observe(page.getElementById("answer"), {childList: true});
    });
    [...page.querySelectorAll("button")].find(part => text(part) === "Predict").click();
    await answered;
  }
  for (const [label, value] of Object.entries(step.then || {})) filled(page, label, value);
  return measured(frame);
}

(async () => {
  for (const step of steps) results.push(await done(step));
  document.getElementById("found").textContent = JSON.stringify(results);
})();
</script>"""


@contextlib.contextmanager
def serving(app, steps):
    """Run an application of FastAPI with uvicorn in a thread, with the driving page at /drive; yield its address."""
    import uvicorn
    from starlette.responses import HTMLResponse

    async def drive(request):
        return HTMLResponse(PAGE.replace("%s", html.escape(json.dumps(steps))))

    app.router.routes.insert(0, _route("/drive", drive))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(WAIT)


def _route(path, endpoint):
    from starlette.routing import Route

    return Route(path, endpoint)


def driven(app, steps, folder, *, scheme="light", picture=None):
    """Return the contents of the page after each step; `picture`: file for a screenshot of all steps."""
    with serving(app, steps) as address:
        output = [f"--screenshot={picture}"] if picture else ["--dump-dom"]
        height = sum(step.get("height", 900) for step in steps) + 40
        command = [
            *(CHROMIUM, *OPTIONS, f"--user-data-dir={folder}/profile", *output),
            *(f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}", f"--window-size=1300,{height}"),
            f"{address}/drive",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=True)
    if picture:
        return None
    found = html.unescape(re.search(r'<pre id="found".*?>(.*?)</pre>', done.stdout, re.S).group(1))
    assert found, f"a step of the browser failed: {done.stdout[-500:]} {done.stderr[-2000:]}"
    return json.loads(found)
