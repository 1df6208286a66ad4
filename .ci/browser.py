"""Renders the HTML of a network, of an estimator and of a diagram: `python browser.py CHROMIUM`."""

import html.parser
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import compiled_nn as cnn
import numpy as np
from compiled_nn.diagram import network_diagram

# Width and height of what is drawn, and all errors of scripts, images and SVG.
SCRIPT = """
<script>
  const errors = [];
  window.addEventListener("error", event => errors.push(String(event.message || event.target.outerHTML)), true);
</script>
%s
<script>
  window.addEventListener("load", () => {
    const sizes = {};
    for (const part of document.querySelectorAll("section")) {
      const drawn = part.querySelectorAll("svg");
      sizes[part.id] = [...drawn].map(svg => [svg.getBoundingClientRect().width, svg.getBoundingClientRect().height]);
      const texts = [...part.querySelectorAll("svg text")].filter(
        text => text.textContent.trim() && !text.getBBox().width
      );
      if (texts.length) errors.push(`${texts.length} texts of ${part.id} are not drawn`);
      if (!part.innerText.trim() && !drawn.length) errors.push(`${part.id} is empty`);
    }
    const found = document.createElement("pre");
    found.id = "found";
    found.textContent = JSON.stringify({errors, sizes});
    document.body.append(found);
  });
</script>
"""


class Found(html.parser.HTMLParser):
    """The text that the page's script left."""

    text = ""
    inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = ("id", "found") in attrs

    def handle_data(self, data: str) -> None:
        self.text += data if self.inside else ""

    def handle_endtag(self, tag: str) -> None:
        self.inside = False


def parts() -> dict[str, str]:
    """HTML by name."""
    X, y = np.random.default_rng(0).normal(size=(40, 6)), np.arange(40) % 3
    layers = [cnn.Dense(8, "relu", norm="batch"), cnn.Dense(5, "tanh", dropout=0.2), cnn.Dense(3)]
    net = cnn.Network(layers, seed=0)
    new = net._repr_html_()
    net.fit(X, y, epochs=5, validation_fraction=0.2)
    estimator = cnn.MLPClassifier(hidden_layer_sizes=(8,), max_iter=5).fit(X, y)
    return {
        "new": new,
        "trained": net._repr_html_(),
        "estimator": estimator._repr_html_(),
        "diagram": network_diagram(net)._repr_html_(),
    }


def rendered(chromium: str, page: Path) -> str:
    """The document as the browser has it after scripts ran; what its console says is an error."""
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--virtual-time-budget=5000",
    ]
    command = [chromium, *options, f"--user-data-dir={page.parent}/profile", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    said = [line for line in done.stderr.splitlines() if re.search(r":CONSOLE[(:]", line)]
    assert not said, "\n".join(said)
    return done.stdout


def main(chromium: str) -> None:
    """Check every part, and the diagram as a file of its own."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        sections = "".join(f'<section id="{name}">{text}</section>' for name, text in parts().items())
        page.write_text(f'<!doctype html><meta charset="utf-8"><body>{SCRIPT % sections}', encoding="utf-8")
        reader = Found()
        reader.feed(rendered(chromium, page))
        found = json.loads(reader.text)
        assert found["errors"] == [], found["errors"]
        for name in ("trained", "diagram"):
            assert found["sizes"][name], f"{name} has no SVG"
        for name, sizes in found["sizes"].items():
            assert all(width > 20 and height > 20 for width, height in sizes), f"{name}: {sizes}"
        drawing = Path(folder, "diagram.svg")
        net = cnn.Network([cnn.Dense(5, "relu"), cnn.Dense(2)]).fit(np.eye(4), [0, 1, 0, 1], epochs=1)
        drawing.write_text(str(network_diagram(net)), encoding="utf-8")
        dom = rendered(chromium, drawing)
        assert "parsererror" not in dom, "diagram.svg is no well-formed XML"
        assert "<svg" in dom, dom[:200]
    print(f"rendered: {', '.join(found['sizes'])}, diagram.svg")


if __name__ == "__main__":
    main(sys.argv[1])
