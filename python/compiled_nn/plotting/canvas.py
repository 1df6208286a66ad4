"""Shared parts of all pictures: import of matplotlib, new axes, colours and styles."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np

from ..common import optional
from ..common.text import printable
from ..data.arrays import Array

# Okabe and Ito, "Color Universal Design" (2008): can be distinguished by colour-blind readers.
BLUE, ORANGE, VERMILION, GRAY = "#0072B2", "#E69F00", "#D55E00", "#999999"
PALETTE = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", VERMILION, "#F0E442", GRAY)
DPI = 150
_LONGEST = 40  # characters of a name in a picture
_MOST_POINTS = 2000  # of a cloud or a curve


class Display:
    """Base class of the displays: a notebook shows the figure of the last drawing as a picture."""

    figure_: Any

    def _repr_png_(self) -> bytes | None:
        """Return the whole figure as PNG, also for axes of the user; None before a drawing.

        None also for an open figure of pyplot, which a notebook shows itself.
        """
        figure = getattr(self, "figure_", None)
        if figure is None:
            return None
        figure = getattr(figure, "figure", figure)  # of a part of a figure, the whole
        return None if _is_open(figure.canvas.manager) else png(figure)


def _is_open(manager: Any) -> bool:
    """Whether a figure is one of pyplot that was not closed; pyplot is not imported."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return manager is not None and (pyplot is None or pyplot.fignum_exists(manager.num))


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


def limit_ticks(axis: Any, most: int = 6, *, integer: bool = False) -> None:
    """Draw at most `most` round numbers at an axis, where long ones would overlap."""
    ticker = import_matplotlib("ticker")
    axis.set_major_locator(ticker.MaxNLocator(most, integer=integer, steps=[1, 2, 5, 10]))


def label_dates(axis: Any) -> None:
    """Label an axis of dates with few and short texts."""
    dates = import_matplotlib("dates")
    locator = dates.AutoDateLocator(minticks=2, maxticks=5)
    axis.set_major_locator(locator)
    axis.set_major_formatter(dates.ConciseDateFormatter(locator))


def luminance(rgba: Any) -> float:
    """Return the luminance of a colour, 0 (black) to 1 (white), with the weights of ITU-R BT.709."""
    return float(0.2126 * rgba[0] + 0.7152 * rgba[1] + 0.0722 * rgba[2])


def format_percent(share: float) -> str:
    """Return a share in per cent; only 1 is "100 %", and only 0 is "0 %"."""
    if 0.995 <= share < 1:
        return "over 99 %"
    return "under 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def shorten(text: Any, most: int = _LONGEST) -> str:
    """Return a text that can be printed and is not mathtext, without its middle if it is longer than `most`."""
    shown = printable(str(text))
    if len(shown) > most:
        shown = f"{shown[: most // 2]}…{shown[len(shown) - most + most // 2 + 1 :]}"
    return shown.replace("$", r"\$")


def legend_width(texts: Any) -> float:
    """Return about the width in inches of the longest text in a legend of small font."""
    return 0.55 + 0.068 * max(map(len, texts))


def thin(m: int, most: int = _MOST_POINTS) -> Array:
    """Return at most `most` of the row numbers 0, ..., m - 1, sorted: drawn at random, but the same in every call."""
    return np.arange(m) if m <= most else np.sort(np.random.default_rng(0).choice(m, most, replace=False))


def thin_curve(m: int, most: int = _MOST_POINTS) -> Array:
    """Return at most `most` of the indices 0, ..., m - 1 at equal distances, with both ends."""
    return np.unique(np.linspace(0, m - 1, min(m, most)).astype(np.int64))


def format_number(value: float) -> str:
    """Return a number with three significant digits, as it is read in a title: without exponents where possible."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"


def rows_note(shown: int, m: int) -> str:
    """Return the text that says how many of the rows are drawn; "" if all are."""
    return "" if shown == m else f"{shown:,} of {m:,} rows drawn"
