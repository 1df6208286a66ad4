"""Elements of SVG, without dependencies, scripts, fonts or external addresses.

Text and lines have the colour `currentColor`, that of the surrounding text: black in a separate file, light on a dark
page. The colours `BLUE` and `VERMILION` are visible on white and on black.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

BLUE, VERMILION = "#3B8BC9", "#D9621C"

# Characters that XML 1.0 (5th edition, section 2.2) does not allow, even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Svg(str):
    """Text of an SVG file, which a notebook shows as a picture."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return str(self)


def escape_text(text: object) -> str:
    """Return text with the markup of SVG and HTML escaped, and invalid characters replaced."""
    return escape(_FORBIDDEN.sub("\ufffd", str(text)))


def document(width: float, height: float, label: str, parts: Iterable[str]) -> Svg:
    """Return a picture of `width` x `height` pixels, which shrinks with its page; screen readers read `label`."""
    return Svg(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}"'
        f' height="{height:g}" style="max-width:100%;height:auto" role="img" aria-label="{escape_text(label)}"'
        f' font-family="sans-serif" font-size="12" fill="currentColor">{"".join(parts)}</svg>'
    )


def text(x: float, y: float, content: object, anchor: str = "middle", **attributes: object) -> str:
    """Return a line of text; `anchor`, "start", "middle" or "end", is the part of the text at x."""
    others = _format_attributes(attributes)
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{others}>{escape_text(content)}</text>'


def line(
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    colour: str,
    width: float,
    *,
    dashed: bool = False,
    title: str = "",
) -> str:
    """Return a line; `title` is shown when the pointer is over it."""
    dash = ' stroke-dasharray="6 3"' if dashed else ""
    end = f"><title>{escape_text(title)}</title></line>" if title else "/>"
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{colour}"'
        f' stroke-width="{width:.2g}"{dash}{end}'
    )


def path(d: str, colour: str = "currentColor", **attributes: object) -> str:
    """Return a path with a stroke and without a fill."""
    return f'<path d="{d}" fill="none" stroke="{colour}"{_format_attributes(attributes)}/>'


def _format_attributes(attributes: dict[str, object]) -> str:
    """Return the attributes of an element; `font_weight` becomes font-weight."""
    return "".join(f' {name.replace("_", "-")}="{escape_text(value)}"' for name, value in attributes.items())
