"""Renders pages of a built site: `python .ci/look.py CHROMIUM SITE PICTURES [PAGE ...]`.

Each page is rendered 1280 and 390 pixels wide, light and dark, from a server of this process, which has the site as it
is published: a folder for each version, and the file of the menu of versions. The pictures are written to the folder
PICTURES. An error in the console, a missing image, and a page that is wider than its window are faults, which are
printed; the status is then 1. The front page and the search are also opened from their folder, without a server.
"""

import argparse
import functools
import html
import http.server
import itertools
import json
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from versions import add_version

PAGES = (
    "index.html",
    "start/first-table.html",
    "start/tasks.html",
    "tutorials/index.html",
    "tutorials/beans.html",
    "guide/index.html",
    "guide/training.html",
    "guide/losses.html",
    "guide/command-line.html",
    "cookbook/index.html",
    "examples/index.html",
    "migrating/scikit-learn.html",
    "reference/api/index.html",
    "reference/api/metrics.html",
    "reference/api/generated/compiled_nn.Network.html",
    "reference/api/generated/compiled_nn.metrics.log_loss.html",
    "reference/errors.html",
    "internals/performance.html",
    "search.html?q=calibration",
)
FROM_FOLDER = ("index.html", "search.html?q=calibration")
MATCH = re.compile("theme_switcher_version_match = '([^']*)'")  # name of the version that was built
WIDTHS = (1280, 390)
SCHEMES = {"light": 1, "dark": 0}
TALLEST = 5000  # pixels of a picture
WAIT = 180  # seconds of a browser, on a busy machine
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--virtual-time-budget=15000"),
    *("--enable-logging=stderr", "--v=0"),
)
FAULT = re.compile("error|failed|refused|blocked|uncaught", re.IGNORECASE)
# The page is in a frame of this page, because a window of the browser is never narrower than 500 pixels.
FRAME = """<!doctype html><meta charset="utf-8"><body style="margin:0"><pre id="found" hidden></pre>
<iframe src="/%(version)s/%(page)s" width="%(width)d" height="900" style="border:0"></iframe><script>
const frame = document.querySelector("iframe");
frame.onload = () => setTimeout(() => {
  const page = frame.contentDocument, root = page.documentElement;
  const wide = [...page.querySelectorAll("main *")].filter(part => {
    for (let box = part.parentElement; box; box = box.parentElement) {
      if (["auto", "scroll"].includes(frame.contentWindow.getComputedStyle(box).overflowX)) return false;
    }
    return part.getBoundingClientRect().right > root.clientWidth + 1;
  });
  const missing = [...page.images].filter(image => !image.complete || !image.naturalWidth).map(image => image.src);
  const found = {
    width: root.clientWidth, scroll: root.scrollWidth, height: root.scrollHeight, missing,
    wide: wide.slice(0, 3).map(part => part.outerHTML.slice(0, 100)),
  };
  document.getElementById("found").textContent = JSON.stringify(found);
  frame.height = Math.min(root.scrollHeight, %(tallest)d);
}, 1000);
</script>"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of the site, and the frame of each page at /frame/WIDTH/PAGE."""

    def do_GET(self) -> None:
        if not self.path.startswith("/frame/"):
            super().do_GET()
            return
        _, _, width, page = self.path.split("/", 3)
        content = FRAME % {
            "version": self.server.version,
            "page": html.escape(page),
            "width": int(width),
            "tallest": TALLEST,
        }
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *arguments: object) -> None:
        pass


def run(chromium: str, address: str, scheme: str, *options: str) -> tuple[str, list[str]]:
    """Return the document after its scripts ran, and the errors in the console."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            *(chromium, *OPTIONS, f"--user-data-dir={profile}", *options),
            *(f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}", address),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=True)
    messages = re.findall(r"CONSOLE.*$", done.stderr, re.MULTILINE)
    return done.stdout, [line for line in messages if FAULT.search(line)]


def look(chromium: str, server: str, page: str, width: int, scheme: str, folder: Path) -> list[str]:
    """Write the picture of a page, and return its faults."""
    address = f"{server}/frame/{width}/{page}"
    document, faults = run(chromium, address, scheme, "--dump-dom", f"--window-size={max(width, 500)},900")
    found = json.loads(html.unescape(re.search(r'<pre id="found".*?>(.*?)</pre>', document, re.DOTALL)[1]))
    if found["scroll"] > found["width"]:
        faults.append(f"{found['scroll']} pixels wide: {found['wide']}")
    faults += [f"missing image {source}" for source in found["missing"]]
    name = re.sub(r"\W+", "-", page.removesuffix(".html"))
    size = f"--window-size={max(width, 500)},{min(found['height'], TALLEST)}"
    run(chromium, address, scheme, size, f"--screenshot={folder / f'{name}-{width}-{scheme}.png'}")
    return [f"{page}, {width} pixels, {scheme}: {fault}" for fault in faults]


def main() -> None:
    parser = argparse.ArgumentParser(description="Render pages of a built site.")
    parser.add_argument("chromium", help="program of the browser")
    parser.add_argument("site", type=Path, help="folder of the site")
    parser.add_argument("pictures", type=Path, help="folder for the pictures")
    parser.add_argument("pages", nargs="*", help="pages, relative to the site; default: those of a list")
    given = parser.parse_args()
    site, folder, pages = given.site.resolve(), given.pictures.resolve(), given.pages or PAGES
    folder.mkdir(parents=True, exist_ok=True)
    faults = []
    with tempfile.TemporaryDirectory() as published:
        version = MATCH.search((site / "index.html").read_text(encoding="utf-8"))[1]
        add_version(site, Path(published), version)
        serve = functools.partial(Handler, directory=published)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve)
        server.version = version
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        for page, width, scheme in itertools.product(pages, WIDTHS, SCHEMES):
            faults += look(given.chromium, address, page, width, scheme, folder)
        server.shutdown()
    for page in FROM_FOLDER:
        _, errors = run(
            given.chromium, f"{site.as_uri()}/{page}", "light", "--dump-dom", "--window-size=1280,900"
        )
        faults += [f"{page} from the folder: {error}" for error in errors]
    print(*faults, f"{len(pages)} pages, {len(faults)} faults; pictures in {folder}", sep="\n")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
