"""HTML of a network for notebooks: tables and SVG, without scripts and external files."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from ..common.axes import is_logarithmic
from . import svg
from .diagram import network_diagram
from .svg import Svg, escape_text

if TYPE_CHECKING:
    from ..common.protocols import DrawnNetwork, History
    from ..spec.configuration import Configuration
    from ..spec.layers import Dense

_STYLE = """
.compiled-nn{font-family:sans-serif;font-size:13px;line-height:1.4}
.compiled-nn table{border-collapse:collapse;margin:4px 0 8px 16px;color:inherit;background:none}
.compiled-nn th,.compiled-nn td{padding:2px 10px;border-bottom:1px solid rgba(128,128,128,.35);color:inherit;
background:none;text-align:right}
.compiled-nn .word{text-align:left}
.compiled-nn .changed td{background:rgba(230,159,0,.22);font-weight:bold}
.compiled-nn .badge{border:1px solid;border-radius:8px;padding:0 7px;margin:0 8px}
.compiled-nn summary{cursor:pointer}
.compiled-nn details details{margin-left:16px}
.compiled-nn svg{margin-left:16px}
""".replace("\n", "")
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _UP, _BELOW = (
    440.0,
    170.0,
    60.0,
    132.0,
    12.0,
    34.0,
)  # size and margins of the curve, in pixels
_MOST_POINTS = 200  # maximum number of points of a curve
_UNITS_DRAWN = 8
_SUMMARIZED = ("activation", "norm", "dropout", "residual", "trainable")  # columns of the summary


def page(net: DrawnNetwork, configuration: Configuration) -> str:
    """Return the HTML of a network: whether it is fitted, parameters, layers, diagram and loss curve.

    Parameters
    ----------
    net : Network
        Network to show, fitted or not.
    configuration : Configuration
        Configuration of the network.

    Returns
    -------
    str
        HTML.
    """
    options = {**configuration.options, "n_threads": (net.n_threads, net.n_threads is not None)}
    return _page(_head("Network", net), _make_section("parameters", _parameters(options)), *_parts(net))


def estimator_page(
    name: str, parameters: dict[str, Any], changed: Container[str], net: DrawnNetwork | None
) -> str:
    """Return the HTML of an estimator: its parameters and, after fit, its network.

    Parameters
    ----------
    name : str
        Name of its class.
    parameters : dict
        All parameters, by name.
    changed : collection of str
        Names of the parameters that differ from their defaults.
    net : Network or None
        Network of the estimator; None before fit.

    Returns
    -------
    str
        HTML.
    """
    options = {key: (value, key in changed) for key, value in parameters.items()}
    parts = [] if net is None else _parts(net)
    return _page(_head(name, net), _make_section("parameters", _parameters(options)), *parts)


def _page(*parts: str) -> str:
    return f'<div class="compiled-nn"><style>{_STYLE}</style>{"".join(parts)}</div>'


def table_page(title: str, rows: Sequence[Sequence[str]]) -> str:
    """Return the HTML of a table below its title; the first of the rows is the header, the first column is text."""
    head, *body = rows
    lines = [_row(head, "th"), *(_row(cells, "td") for cells in body)]
    return _page(f"<div>{escape_text(title)}</div><table>{''.join(lines)}</table>")


def _head(name: str, net: DrawnNetwork | None) -> str:
    layers = [] if net is None else net.summary().layers
    sizes = [*(layer.inputs for layer in layers[:1]), *(layer.units for layer in layers)]
    shape = "-".join("?" if size is None else str(size) for size in sizes)
    badge = "not fitted" if None in sizes or not sizes else "fitted"
    return f'<div><b>{escape_text(name)}</b> {shape}<span class="badge">{badge}</span></div>'


def _parts(net: DrawnNetwork) -> list[str]:
    """Return the sections layers, diagram and loss curve of a network."""
    parts = [
        _make_section("layers", _layers(net)),
        _make_section("diagram", network_diagram(net, max_units=_UNITS_DRAWN)),
    ]
    if net.history["epoch"]:
        parts.append(_make_section("loss curve", loss_curve(net.history)))
    return parts


def _make_section(title: str, content: str) -> str:
    return f"<details open><summary>{title}</summary>{content}</details>"


# ---- tables


def _parameters(options: dict[str, tuple[Any, bool]]) -> str:
    """Return a table of the changed parameters, highlighted, and a folded table of those that have their defaults."""
    changed = [_parameter(name, value, True) for name, (value, differs) in options.items() if differs]
    others = [_parameter(name, value, False) for name, (value, differs) in options.items() if not differs]
    shown = f"<table>{''.join(changed)}</table>" if changed else ""
    if not others:
        return shown
    title = f"{len(others)} parameters with their defaults"
    return f"{shown}<details><summary>{title}</summary><table>{''.join(others)}</table></details>"


def _parameter(name: str, value: Any, changed: bool) -> str:
    row_class, mark = (' class="changed"', "changed") if changed else ("", "")
    return (
        f'<tr{row_class}><td class="word">{name}</td><td class="word">{escape_text(repr(value))}</td>'
        f'<td class="word">{mark}</td></tr>'
    )


def _layers(net: DrawnNetwork) -> str:
    head, *rows = net.summary().rows()
    others = [", ".join(_changed(layer)) for layer in net.layers]
    others += [""] * (len(rows) - len(others))
    body = [_row([*row, other], "td") for row, other in zip(rows, others, strict=True)]
    return f"<table>{_row([*head, ''], 'th')}{''.join(body)}</table>"


def _row(cells: Iterable[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape_text(cell)}</{tag}>" for cell in cells) + "</tr>"


def _changed(layer: Dense) -> list[str]:
    """Return the parameters of a layer that differ from their defaults and have no column in the table."""
    texts = []
    for field in fields(layer):
        value = getattr(layer, field.name)
        if field.name not in _SUMMARIZED and field.default is not MISSING and value != field.default:
            texts.append(f"{field.name}={value!r}")
    return texts


# ---- curve


def loss_curve(history: History) -> Svg:
    """Return a picture of the loss by epoch: solid for training, dashed for the validation data."""
    columns = {"training": history["loss"], "validation": history.get("val_loss", [])}
    finite = [value for column in columns.values() for value in column if math.isfinite(value)]
    if not finite:
        return svg.document(_WIDTH, 20, "loss curve", [svg.text(0, 14, "no finite loss", "start")])
    logarithmic = is_logarithmic(finite)
    low, high = min(finite), max(finite)
    epochs = history["epoch"]
    last_x, floor = _WIDTH - _RIGHT, _HEIGHT - _BELOW

    def y_of(value: float) -> float:
        if high == low:
            return (_UP + floor) / 2
        share = math.log(value / low) / math.log(high / low) if logarithmic else (value - low) / (high - low)
        return floor - share * (floor - _UP)

    def x_of(i: int) -> float:
        return _LEFT + (last_x - _LEFT) * (i / (len(epochs) - 1) if len(epochs) > 1 else 0.5)

    axes = svg.path(f"M{_LEFT:g} {_UP:g}V{floor:g}H{last_x:g}", stroke_opacity=0.6)
    scale = "loss, logarithmic" if logarithmic else "loss"
    middle = (_LEFT + last_x) / 2
    parts = [axes, svg.text(_LEFT, floor + 15, epochs[0]), svg.text(middle, floor + 29, "epoch")]
    parts.append(svg.text(14, (_UP + floor) / 2, scale, transform=f"rotate(-90 14 {(_UP + floor) / 2:g})"))
    if len(epochs) > 1:
        parts.append(svg.text(last_x, floor + 15, epochs[-1]))
    for value in sorted({low, high}):
        parts.append(svg.text(_LEFT - 5, y_of(value) + 4, f"{value:.3g}", "end"))
    ends = []
    for (name, column), colour, dash in zip(
        columns.items(), (svg.BLUE, svg.VERMILION), ("none", "6 3"), strict=True
    ):
        d, end = _points(column, x_of, y_of)
        if end is not None:
            parts.append(svg.path(d, colour, stroke_width=2, stroke_dasharray=dash, stroke_linecap="round"))
            ends.append((y_of(end), f"{name} {end:.3g}"))
    parts += _labels(ends, last_x + 6)
    return svg.document(_WIDTH, _HEIGHT, "loss curve", parts)


def _points(column: Sequence[float], x_of: Any, y_of: Any) -> tuple[str, float | None]:
    """Return a path through the finite values, at most about 200 of them, and the last one; others are gaps."""
    step = -(-len(column) // _MOST_POINTS)
    chosen = sorted({*range(0, len(column), step or 1), *range(len(column))[-1:]})
    d, end, pen = [], None, "M"
    for i in chosen:
        if not math.isfinite(column[i]):
            pen = "M"
            continue
        end = column[i]
        d.append(f"{pen}{x_of(i):.1f} {y_of(end):.1f}")
        pen = "L"
    if len(d) == 1:
        d.append("h0.01")  # a single point, made visible by round line ends
    return "".join(d), end


def _labels(ends: Sequence[tuple[float, str]], x: float) -> list[str]:
    """Return the labels of the curves, beside their ends, from the bottom up and at least one line apart."""
    labels, last = [], math.inf
    for y, label in sorted(ends, reverse=True):
        last = min(y, last - 15)
        labels.append(svg.text(x, last + 4, label, "start"))
    return labels
