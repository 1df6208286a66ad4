"""Shared parts of all pictures: import of matplotlib, new axes, colours and styles."""

from __future__ import annotations

import io
from typing import Any

from ..common import optional

# Okabe and Ito, "Color Universal Design" (2008): can be distinguished by colour-blind readers.
BLUE, ORANGE, VERMILION, GRAY = "#0072B2", "#E69F00", "#D55E00", "#999999"
PALETTE = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", VERMILION, "#F0E442", GRAY)
DPI = 150


class Display:
    """Base class of the displays: a notebook shows the last drawing as a picture."""

    figure_: Any

    def _repr_png_(self) -> bytes | None:
        """Return the figure as PNG; None before a drawing, and for one of pyplot, which a notebook shows itself."""
        figure = getattr(self, "figure_", None)
        return None if figure is None or figure.canvas.manager is not None else png(figure)


def png(figure: Any) -> bytes:
    """Return a figure as a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def import_matplotlib(module: str) -> Any:
    """Return a module of matplotlib; raise ImportError, with installation instructions, if it is not installed."""
    return optional.load(f"matplotlib.{module}", purpose="plotting", library="matplotlib", extra="plot")


def axes(ax: Any, width: float, height: float) -> Any:
    """Return `ax`, or if it is None the axes of a new figure of `width` x `height` inches."""
    if ax is not None:
        if not hasattr(ax, "plot"):
            raise TypeError(f"ax is {ax!r}; expected Axes of matplotlib, such as those of plt.subplots().")
        return ax
    return (
        import_matplotlib("figure").Figure(figsize=(width, height), dpi=DPI, layout="constrained").subplots()
    )


def normalize_line_style(style: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of a line with their full names, so that they can be merged with defaults."""
    full: dict[str, Any] = import_matplotlib("cbook").normalize_kwargs(
        style, import_matplotlib("lines").Line2D
    )
    return full


def open_frame(ax: Any) -> None:
    """Hide the top and right side of the frame, and draw a light grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.3)


def luminance(rgba: Any) -> float:
    """Return the luminance of a colour, 0 (black) to 1 (white), with the weights of ITU-R BT.709."""
    return float(0.2126 * rgba[0] + 0.7152 * rgba[1] + 0.0722 * rgba[2])


def format_percent(share: float) -> str:
    """Return a share in per cent; only 1 is "100 %", and only 0 is "0 %"."""
    if 0.995 <= share < 1:
        return "over 99 %"
    return "under 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"
