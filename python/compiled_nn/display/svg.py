"""Pieces of SVG: no dependency, no script, no font and no address from outside.

Text and lines are of `currentColor`, the colour of the text around: black in a file of its own, light on a
dark page. The other colours, of `BLUE` and `VERMILION`, stand out from white and from black.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

BLUE, VERMILION = "#3B8BC9", "#D9621C"

# What XML 1.0 (5th edition, 2.2) allows no document to hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Svg(str):
    """A picture as the text of an SVG file, which a notebook shows as what it is."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return str(self)


def plain(text: object) -> str:
    """Return text that neither SVG nor HTML takes for markup."""
    return escape(_FORBIDDEN.sub("\ufffd", str(text)))


def document(width: float, height: float, label: str, parts: Iterable[str]) -> Svg:
    """Return a picture of so many pixels, which shrinks with its page; `label` is read to the blind."""
    return Svg(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}"'
        f' height="{height:g}" style="max-width:100%;height:auto" role="img" aria-label="{plain(label)}"'
        f' font-family="sans-serif" font-size="12" fill="currentColor">{"".join(parts)}</svg>'
    )


def text(x: float, y: float, content: object, anchor: str = "middle", **attributes: object) -> str:
    """Return a line of text, `anchor` being "start", "middle" or "end"."""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{_join(attributes)}>{plain(content)}</text>'


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
    """Return a line; `title` is what a pointer over it shows."""
    dash = ' stroke-dasharray="6 3"' if dashed else ""
    end = f"><title>{plain(title)}</title></line>" if title else "/>"
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{colour}"'
        f' stroke-width="{width:.2g}"{dash}{end}'
    )


def path(d: str, colour: str = "currentColor", **attributes: object) -> str:
    """Return a path that is drawn, not filled."""
    return f'<path d="{d}" fill="none" stroke="{colour}"{_join(attributes)}/>'


def _join(attributes: dict[str, object]) -> str:
    """Return attributes of an element; `font_weight` is font-weight."""
    return "".join(f' {name.replace("_", "-")}="{plain(value)}"' for name, value in attributes.items())
