"""Diagram of a network as SVG: units of each layer, and weights between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ..common import checks
from . import svg
from .svg import Svg

if TYPE_CHECKING:
    from ..common.protocols import Summarized
    from ..data.arrays import Array

_RADIUS = 10.0
_DOWN = 30.0  # pixels between units
_SMALLEST = 120.0  # smallest width of the labels of a layer, in pixels
_TOP = 22.0
_MOST_DRAWN = 7  # number of units drawn of a layer with more than max_units
_MOST_LINES = 400  # maximum number of weights drawn by default
_CHARACTER = 7.0  # width of a character, in pixels


@dataclass(frozen=True)
class _Column:
    """Layout of a layer.

    Attributes
    ----------
    x : float
        Centre of the units, in pixels.
    units : int or None
        Number of units; None if it is unknown.
    places : list of (int, float)
        Index and y of each drawn unit; indices of the last units are negative.
    dots : float or None
        y of the dots that replace the other units; None without dots.
    """

    x: float
    units: int | None
    places: list[tuple[int, float]]
    dots: float | None


def network_diagram(
    network: Summarized | Sequence[int],
    *,
    activations: Sequence[str] | None = None,
    layer_names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    weights: bool | None = None,
    max_units: int = 16,
) -> Svg:
    """Draw a network as SVG, with one circle per unit and layers from left to right.

    Parameters
    ----------
    network : Network, MLPClassifier or MLPRegressor, or sequence of int
        Network, or the number of inputs and of units of each layer, such as [784, 50, 10]. Of a table with categories,
        the inputs are the columns into which it is encoded.
    activations : sequence of str, optional
        Activation of each layer after the input. Default: those of the network; none for a sequence of numbers.
    layer_names : sequence of str, optional
        Name of the input and of each layer. Default: "input", "hidden 1", ..., "output".
    feature_names : sequence of str, optional
        Names of the inputs, written beside them.
    class_names : sequence of str, optional
        Names of the outputs, written beside them.
    weights : bool, optional
        Whether lines show the weights: blue and solid for positive, red and dashed for negative weights, with a width
        proportional to their size in the layer. Default: True for a fitted network of at most 400 weights whose layers
        have at most `max_units` units.
    max_units : int, default 16
        Maximum number of units drawn completely; a layer of more units is drawn as some of them and dots.

    Returns
    -------
    Svg
        Text of an SVG file without external addresses, fonts or scripts. A notebook shows it as a picture.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type, length or value, or ``weights=True`` for a network that is not fitted.

    Examples
    --------
    >>> from compiled_nn.diagram import network_diagram
    >>> network_diagram([3, 4, 2]).count("<circle")
    9
    """
    network = getattr(network, "network_", network)  # that of a fitted estimator
    max_units = checks.integer("network_diagram", "max_units", max_units, minimum=3)
    sizes, default_activations = _get_sizes(network)
    names = layer_names or _default_names(len(sizes))
    _check_length("layer_names", names, len(sizes), "layers, including the input")
    activations = default_activations if activations is None else activations
    if activations is not None:
        _check_length("activations", activations, len(sizes) - 1, "layers after the input")
    for name, given, units in (
        ("feature_names", feature_names, sizes[0]),
        ("class_names", class_names, sizes[-1]),
    ):
        if given is not None and units is not None:
            _check_length(name, given, units, "units")
    matrices = _get_weights(network, sizes, weights, max_units)
    label_width = max(_SMALLEST, _CHARACTER * max(len(str(text)) for text in [*names, *(activations or ())]))
    columns = _lay_out_columns(
        sizes, max(label_width / 2, _names_width(feature_names)), label_width + 30, max_units
    )
    height = _TOP + max(place[-1][1] for place in (column.places for column in columns))
    parts = [_draw_weights(pair, matrix) for pair, matrix in zip(pairwise(columns), matrices, strict=True)]
    parts += [_draw_units(column) for column in columns]
    parts += _draw_names(columns[0], feature_names, -1) + _draw_names(columns[-1], class_names, 1)
    for i, (column, name) in enumerate(zip(columns, names, strict=True)):
        size = _plural(column.units, "unit" if i else "input")
        detail = activations[i - 1] if i and activations is not None else ""
        parts.append(svg.text(column.x, height + 28, name, font_weight="bold"))
        parts += [svg.text(column.x, height + 44, size), svg.text(column.x, height + 60, detail)]
    width = columns[-1].x + max(label_width / 2, _names_width(class_names))
    if any(W is not None for W in matrices):
        parts += _draw_legend(width / 2, height + 86)
        height += 22
    label = "Network " + "-".join("?" if size is None else str(size) for size in sizes)
    return svg.document(width, height + 70, label, parts)


def _get_sizes(network: Any) -> tuple[list[int | None], Sequence[str] | None]:
    """Return the sizes of a network, starting with the inputs, and its activations; None for plain numbers."""
    if hasattr(network, "summary"):
        layers = network.summary().layers
        activations = ["?" if layer.activation is None else layer.activation for layer in layers]
        return [layers[0].inputs, *(layer.units for layer in layers)], activations
    if isinstance(network, (str, bytes)) or not hasattr(network, "__len__"):
        raise TypeError(
            f"network must be a Network, an estimator, or sizes such as [784, 50, 10]. Got {network!r} instead."
        )
    if len(network) < 2:
        raise ValueError(f"network must have at least 2 sizes, inputs and outputs. Got {len(network)}.")
    return [checks.integer("network_diagram", "network", size, minimum=1) for size in network], None


def _default_names(n: int) -> list[str]:
    hidden = [f"hidden {i}" for i in range(1, n - 1)] if n > 3 else ["hidden"] * (n - 2)
    return ["input", *hidden, "output"]


def _check_length(name: str, given: Sequence[str], expected: int, of: str) -> None:
    if isinstance(given, str):
        raise TypeError(f"{name} must be a sequence of str. Got {given!r} instead.")
    if len(given) != expected:
        raise ValueError(f"{name} has {len(given)} entries; there are {expected} {of}.")


def _get_weights(
    network: Any, sizes: Sequence[int | None], weights: bool | None, max_units: int
) -> Sequence[Array | None]:
    """Return the weights of each layer if they are to be drawn, else None for each layer."""
    fitted = hasattr(network, "n_features_")
    if weights is None:
        numbers = [size or 0 for size in sizes]
        few = max(numbers) <= max_units and sum(a * b for a, b in pairwise(numbers)) <= _MOST_LINES
        weights = fitted and few
    if checks.flag("network_diagram", "weights", weights):
        if not fitted:
            raise ValueError("weights=True needs a fitted network; this one has no weights yet.")
        return [W for W, _ in network.get_weights()]
    return [None] * (len(sizes) - 1)


def _lay_out_columns(
    sizes: Sequence[int | None], left: float, across: float, max_units: int
) -> list[_Column]:
    """Lay out the layers, each centred vertically."""
    slots = [_slots(size, max_units) for size in sizes]
    most = max(map(len, slots))
    columns = []
    for i, (size, indices) in enumerate(zip(sizes, slots, strict=True)):
        top = _TOP + (most - len(indices)) / 2 * _DOWN
        ys = [top + j * _DOWN for j in range(len(indices))]
        places = [(index, y) for index, y in zip(indices, ys, strict=True) if index is not None]
        dots = ys[indices.index(None)] if None in indices else None
        columns.append(_Column(left + i * across, size, places, dots))
    return columns


def _slots(size: int | None, max_units: int) -> list[int | None]:
    """Return the indices of the drawn units of a layer from the top; None stands for the dots."""
    if size is not None and size <= max_units:
        return list(range(size))
    drawn = min(_MOST_DRAWN, max_units - 1)
    tail = drawn // 2
    return [*range(drawn - tail), None, *range(-tail, 0)]


def _draw_weights(pair: tuple[_Column, _Column], W: Array | None) -> str:
    """Draw a line from each unit to each unit of the next layer."""
    before, after = pair
    x1, x2 = before.x + _RADIUS, after.x - _RADIUS
    if W is None:
        strokes = [f"M{x1:g} {y1:g}L{x2:g} {y2:g}" for _, y1 in before.places for _, y2 in after.places]
        return svg.path("".join(strokes), stroke_opacity=0.3)
    largest = float(abs(W).max()) or 1.0
    drawn = []
    for i, y1 in before.places:
        for j, y2 in after.places:
            w = float(W[i, j])
            width = 0.4 + 3.6 * abs(w) / largest
            drawn.append(
                svg.line(
                    x1,
                    y1,
                    x2,
                    y2,
                    svg.BLUE if w >= 0 else svg.VERMILION,
                    width,
                    dashed=w < 0,
                    title=f"{w:.4g}",
                )
            )
    return "".join(drawn)


def _draw_legend(x: float, y: float) -> list[str]:
    """Draw the legend of the lines, centred at x."""
    return [
        svg.line(x - 96, y - 4, x - 70, y - 4, svg.BLUE, 2.5),
        svg.text(x - 64, y, "positive", "start"),
        svg.line(x + 4, y - 4, x + 30, y - 4, svg.VERMILION, 2.5, dashed=True),
        svg.text(x + 36, y, "negative", "start"),
    ]


def _draw_units(column: _Column) -> str:
    circles = [f'<circle cx="{column.x:g}" cy="{y:g}" r="{_RADIUS:g}"/>' for _, y in column.places]
    group = '<g fill-opacity="0.1" stroke="currentColor" stroke-width="1.2">' + "".join(circles) + "</g>"
    if column.dots is None:
        return group
    dots = [f'<ellipse cx="{column.x:g}" cy="{column.dots + dy:g}" rx="2" ry="2"/>' for dy in (-7, 0, 7)]
    return group + "".join(dots)


def _draw_names(column: _Column, names: Sequence[str] | None, side: int) -> list[str]:
    """Write the names of units at their left (side -1) or right (1)."""
    if names is None:
        return []
    x, anchor = column.x + side * (_RADIUS + 6), "start" if side > 0 else "end"
    return [svg.text(x, y + 4, names[index], anchor) for index, y in column.places]


def _names_width(names: Sequence[str] | None) -> float:
    """Return the width of names beside their units, in pixels."""
    return 0.0 if not names else _RADIUS + 12 + _CHARACTER * max(len(str(name)) for name in names)


def _plural(n: int | None, noun: str) -> str:
    if n is None:
        return f"? {noun}s"
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
