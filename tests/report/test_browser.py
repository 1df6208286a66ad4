"""The page as a browser shows it: nothing is wider than the window, in both schemes. Skipped without chromium."""

import html
import json
import re
import subprocess

import pytest
from browser import CHROMIUM, OPTIONS, SCHEMES

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
SCRIPT = """
<body style="margin:0">%s<pre id="found"></pre><script>
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(frame => {
    const page = frame.contentDocument, width = page.documentElement.clientWidth;
    const wide = [...page.querySelectorAll("body *")].filter(part => {
      const box = part.getBoundingClientRect();
      return !part.closest("svg *") && box.width && (box.right > width + 1 || box.left < -1);
    });
    const cut = [...page.querySelectorAll("td, th, p, h1, h2, figcaption")].filter(
      part => part.scrollWidth > part.clientWidth + 1
    );
    const body = frame.contentWindow.getComputedStyle(page.body);
    const drawn = [...page.querySelectorAll("figure > svg")].map(svg => svg.getBoundingClientRect());
    return {
      width, scroll: page.documentElement.scrollWidth, ink: body.color, back: body.backgroundColor,
      wide: wide.map(part => part.outerHTML.slice(0, 80)), cut: cut.map(part => part.outerHTML.slice(0, 80)),
      drawn: drawn.map(box => [box.width, box.height]),
    };
  });
  document.getElementById("found").textContent = JSON.stringify(found);
});
</script>
"""


def measured(page, folder, scheme):
    """Return the measurements of the page by a browser, in windows of 1280 and of 400 pixels."""
    frames = "".join(
        f'<iframe width="{width}" height="900" style="border:0" srcdoc="{html.escape(page)}"></iframe>'
        for width in (1280, 400)
    )
    file = folder / "page.html"
    file.write_text('<!doctype html><meta charset="utf-8">' + SCRIPT % frames, encoding="utf-8")
    profile = f"--user-data-dir={folder}/profile"
    settings = f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"
    command = [CHROMIUM, *OPTIONS, profile, settings, "--window-size=1300,1000", "--dump-dom", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S).group(1)))


def brightness(colour):
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("page", ["page_of_classes", "page_of_values", "page_of_extremes"])
def test_the_page_fits_its_window(page, scheme, request, tmp_path):
    found = measured(request.getfixturevalue(page), tmp_path, scheme)
    assert [frame["width"] for frame in found] == [1280, 400]
    for frame in found:
        assert frame["scroll"] <= frame["width"]
        assert frame["wide"] == []
        assert frame["cut"] == []
        assert frame["drawn"]
        assert all(width > 100 and height > 40 for width, height in frame["drawn"])
        dark = brightness(frame["back"]) < brightness(frame["ink"])
        assert dark == (scheme == "dark")
        assert abs(brightness(frame["back"]) - brightness(frame["ink"])) > 500
