"""Where pictures are drawn: matplotlib when it is needed, new axes, the colours of all pictures."""

from __future__ import annotations

from typing import Any

from ..common import optional

# Okabe and Ito, "Color Universal Design" (2008): told apart by the colour-blind.
BLUE, ORANGE, VERMILION, GRAY = "#0072B2", "#E69F00", "#D55E00", "#999999"
PALETTE = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", VERMILION, "#F0E442", GRAY)
DPI = 150


def matplotlib(module: str) -> Any:
    """Import a module of matplotlib; say how to get it where it is absent."""
    return optional.load(f"matplotlib.{module}", purpose="plotting", library="matplotlib", extra="plot")


def axes(ax: Any, width: float, height: float) -> Any:
    """Return `ax`, or where it is None the axes of a new figure of so many inches."""
    if ax is not None:
        return ax
    return matplotlib("figure").Figure(figsize=(width, height), dpi=DPI, layout="constrained").subplots()


def line_style(style: dict[str, Any]) -> dict[str, Any]:
    """Return keywords for a line under their full names, so that they can be merged with others."""
    full: dict[str, Any] = matplotlib("cbook").normalize_kwargs(style, matplotlib("lines").Line2D)
    return full


def open_frame(ax: Any) -> None:
    """Leave a frame's top and right side out, and draw a light grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.3)


def luminance(rgba: Any) -> float:
    """Return the luminance of a colour, 0 (black) to 1 (white), as ITU-R BT.709 weighs its parts."""
    return float(0.2126 * rgba[0] + 0.7152 * rgba[1] + 0.0722 * rgba[2])


def percent(share: float) -> str:
    """Return a share as people say it, without a 100 % or 0 % that is not one."""
    if 0.995 <= share < 1:
        return "> 99 %"
    return "< 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"
