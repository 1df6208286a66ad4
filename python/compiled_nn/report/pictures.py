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
from . import page

_INK = "#010203"  # drawn in place of black, and replaced by the colour of the text of the page
_DARK = ("#333333", "#444444", "#555555")  # dark colours of displays that a dark page would hide
_BLUE = "#0072b2"  # brighter on a dark page
_PIXELS = 96  # per inch
_WIDE = 620  # pixels, from which on a picture takes the whole width of the page

Draw = Callable[[], Any]


def available() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def figure(name: str, draw: Draw, caption: str) -> str:
    """Return the display that `draw` makes as a figure of a page, with its caption.

    The result is the same for the same display, and its ids begin with `name`, which is different for each drawing of a
    page. The caption is also the text for readers who do not see the picture.
    """
    matplotlib = optional.load("matplotlib", purpose="plotting", library="matplotlib", extra="plot")
    with matplotlib.rc_context(_style()):
        drawn, file = draw().figure_, io.BytesIO()
        drawn.savefig(
            file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
        width = drawn.get_figwidth() * _PIXELS
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
    svg = svg.replace(_BLUE, "var(--blue)")
    box = re.search(r'viewBox="[^"]*"', svg)
    label = escape(printable(caption))
    start = f'<svg role="img" aria-label="{label}" width="{width:.0f}" {box.group() if box else ""}>'
    svg = re.sub(r"\n\s*", "\n", re.sub(r"<svg[^>]*>", lambda _: start, svg, count=1)).strip()
    return page.figure(svg, caption, wide=width > _WIDE)


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
