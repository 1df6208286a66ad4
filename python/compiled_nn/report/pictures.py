"""Pictures of the page: displays as SVG whose lines and texts have the colour of the text around them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from importlib.util import find_spec
from typing import Any

from ..common import optional
from ..common.text import printable

_INK = "#010203"  # drawn in place of black, and replaced by the colour of the text of the page
_DARK = ("#333333", "#444444", "#555555")  # dark colours of displays that a dark page would hide
_PIXELS = 96  # per inch

Draw = Callable[[], Any]


def available() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def drawing(name: str, draw: Draw, description: str) -> str:
    """Return the display that `draw` makes as SVG for a page.

    The result is the same for the same display, and its ids begin with `name`, which is different for each drawing of a
    page. `description` is the text for readers who do not see the picture.
    """
    matplotlib = optional.load("matplotlib", purpose="plotting", library="matplotlib", extra="plot")
    with matplotlib.rc_context(_style()):
        figure, file = draw().figure_, io.BytesIO()
        figure.savefig(
            file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
        width = figure.get_figwidth() * _PIXELS
    svg = file.getvalue().decode()
    svg = re.sub(
        r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->",
        "",
        svg[svg.index("<svg") :],
        flags=re.S,
    )
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    for colour in (_INK, *_DARK):
        svg = svg.replace(colour, "currentColor")
    box = re.search(r'viewBox="[^"]*"', svg)
    label = escape(printable(description))
    start = f'<svg role="img" aria-label="{label}" width="{width:.0f}" {box.group() if box else ""}>'
    return re.sub(r"\n\s*", "\n", re.sub(r"<svg[^>]*>", lambda _: start, svg, count=1)).strip()


def _style() -> dict[str, Any]:
    """Return the settings of matplotlib under which displays are drawn."""
    inks = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    backs = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
    return {
        **dict.fromkeys(inks, _INK),
        **dict.fromkeys(backs, "none"),
        "svg.fonttype": "path",
        "svg.hashsalt": "compiled-nn",
        "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    }
