"""HTML of a network for notebooks: tables and SVG, without scripts and external files."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from ..common.axes import is_logarithmic
from ..common.errors import count
from ..common.text import shortened
from . import svg
from .diagram import network_diagram
from .svg import Svg, escape_text

if TYPE_CHECKING:
    from ..common.protocols import DrawnNetwork, History
    from ..spec.configuration import Configuration
    from ..spec.layers import Dense

_STYLE = """
.compiled-nn{font-family:sans-serif;font-size:13px;line-height:1.4}
.compiled-nn table{border-collapse:collapse;margin:4px 0 8px 16px;color:inherit;background:none;font-size:inherit}
.compiled-nn th,.compiled-nn td{padding:2px 10px;border-bottom:1px solid rgba(128,128,128,.35);color:inherit;
background:none;text-align:right}
.compiled-nn .word{text-align:left;overflow-wrap:anywhere}
.compiled-nn .name{text-align:left;white-space:nowrap}
.compiled-nn p{margin:4px 0 8px 16px;overflow-wrap:anywhere}
.compiled-nn .changed td{background:rgba(230,159,0,.22);font-weight:bold}
.compiled-nn .badge{border:1px solid;border-radius:8px;padding:0 7px;margin:0 8px;color:inherit;background:none;
font:inherit}
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
_MOST_COLUMNS = 20  # of a table, in the part that is not folded
_LONGEST_NAME = 24  # characters of a name in the diagram
_LONGEST_VALUE = 200  # characters of a value or a name in a table
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
    name: str,
    parameters: dict[str, Any],
    changed: Container[str],
    net: DrawnNetwork | None,
    report: Sequence[Sequence[str]] | None = None,
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
    report : sequence of sequence of str, optional
        Table of the choices that fit has made, below its header.

    Returns
    -------
    str
        HTML.
    """
    options = {key: (value, key in changed) for key, value in parameters.items()}
    parts = [] if net is None else _parts(net)
    if report is not None:
        parts = [_make_section("choices of fit", _folded_table(report, n_texts=3)), *parts]
    return _page(_head(name, net), _make_section("parameters", _parameters(options)), *parts)


def ensemble_page(
    ensemble: Any, options: dict[str, tuple[Any, bool]], rows: Sequence[Sequence[str]], *, fitted: bool
) -> str:
    """Return the HTML of an ensemble: its parameters, its networks, the columns of X and the loss curve.

    Parameters
    ----------
    ensemble : Ensemble
        Ensemble to show, fitted or not.
    options : dict
        Value of each parameter, and whether it differs from the default, by name.
    rows : sequence of sequence of str
        Table of the networks, with its header.
    fitted : bool
        Whether the ensemble is fitted.

    Returns
    -------
    str
        HTML.
    """
    badge = f'<span class="badge">{"fitted" if fitted else "not fitted"}</span>'
    parts = [
        f"<div><b>Ensemble</b> of {count(len(rows) - 2, 'network')}{badge}</div>",
        _make_section("parameters", _parameters(options)),
        *_columns(ensemble),
        _make_section("networks", _folded_table(rows, n_texts=3)),
    ]
    if ensemble.history["epoch"]:
        parts.append(_make_section("loss curve", loss_curve(ensemble.history)))
    return _page(*parts)


def _page(*parts: str) -> str:
    return f'<div class="compiled-nn"><style>{_STYLE}</style>{"".join(parts)}</div>'


def table_page(title: str, rows: Sequence[Sequence[str]], n_texts: int = 1) -> str:
    """Return the HTML of a table below its title; the first of the rows is the header, `n_texts` columns are text."""
    return _page(f"<div>{escape_text(title)}</div>{_folded_table(rows, n_texts)}")


def _head(name: str, net: DrawnNetwork | None) -> str:
    layers = [] if net is None else net.summary().layers
    sizes = [*(layer.inputs for layer in layers[:1]), *(layer.units for layer in layers)]
    shape = "-".join("?" if size is None else str(size) for size in sizes)
    badge = "not fitted" if None in sizes or not sizes else "fitted"
    encoder = getattr(net, "encoder_", None)
    table = "" if encoder is None else f" on a table of {count(encoder.n_features_in_, 'column')}"
    precision = getattr(net, "precision_", "float32")
    badges = [badge] if precision == "float32" else [badge, precision]
    shown = "".join(f'<span class="badge">{each}</span>' for each in badges)
    return f"<div><b>{escape_text(name)}</b> {shape}{table}{shown}</div>"


def _parts(net: DrawnNetwork) -> list[str]:
    """Return the sections columns, layers, diagram and loss curve of a network."""
    parts = [
        *_columns(net),
        _make_section("layers", _layers(net)),
        _make_section("diagram", _diagram(net)),
    ]
    if net.history["epoch"]:
        parts.append(_make_section("loss curve", loss_curve(net.history)))
    return parts


def _make_section(title: str, content: str, *, folded: bool = False) -> str:
    return f"<details{'' if folded else ' open'}><summary>{title}</summary>{content}</details>"


def _diagram(net: DrawnNetwork) -> Svg:
    """Return the diagram, with the names of the inputs if X had any, and of the classes if each has an output."""
    inputs = outputs = None
    if hasattr(net, "encoder_") or hasattr(net, "feature_names_in_"):
        inputs = [shortened(name, _LONGEST_NAME) for name in net.input_names_]
    classes = getattr(net, "classes_", ())
    if len(classes) == net.layers[-1].units:
        outputs = [shortened(label, _LONGEST_NAME) for label in classes]
    return network_diagram(net, feature_names=inputs, class_names=outputs, max_units=_UNITS_DRAWN)


# ---- tables


def _parameters(options: dict[str, tuple[Any, bool]]) -> str:
    """Return a table of the changed parameters, highlighted, and a folded table of those that have their defaults."""
    changed = [_parameter(name, value, True) for name, (value, differs) in options.items() if differs]
    others = [_parameter(name, value, False) for name, (value, differs) in options.items() if not differs]
    shown = f"<table>{''.join(changed)}</table>" if changed else ""
    if not others:
        return shown
    title = f"{len(others)} parameters with their defaults"
    return shown + _make_section(title, f"<table>{''.join(others)}</table>", folded=True)


def _parameter(name: str, value: Any, changed: bool) -> str:
    row_class, mark = (' class="changed"', "changed") if changed else ("", "")
    text = escape_text(shortened(repr(value), _LONGEST_VALUE))
    return (
        f'<tr{row_class}><td class="name">{name}</td><td class="word">{text}</td>'
        f'<td class="name">{mark}</td></tr>'
    )


def _columns(net: DrawnNetwork) -> list[str]:
    """Return the section of the columns of X: a table of their types if they are encoded, else their names."""
    encoder = getattr(net, "encoder_", None)
    if encoder is None:
        names = [shortened(name, _LONGEST_VALUE) for name in getattr(net, "feature_names_in_", ())]
        title = count(len(names), "column")
        return [_make_section(title, f"<p>{escape_text(', '.join(names))}</p>", folded=True)] if names else []
    rows = encoder.rows()
    title = f"{count(len(rows) - 1, 'column')}, encoded as {count(encoder.n_columns_, 'input')}"
    return [_make_section(title, _folded_table(rows, n_texts=4))]


def _folded_table(rows: Sequence[Sequence[str]], n_texts: int) -> str:
    """Return a table of columns below its header, of which those after the first ones are folded.

    The first `n_texts` cells of each row are aligned as text.
    """
    lines = [
        _row([shortened(cell, _LONGEST_VALUE) for cell in row], "td" if i else "th", n_texts)
        for i, row in enumerate(rows)
    ]
    head, shown, others = lines[0], lines[1 : _MOST_COLUMNS + 1], lines[_MOST_COLUMNS + 1 :]
    table = f"<table>{head}{''.join(shown)}</table>"
    if not others:
        return table
    more = f"<table>{head}{''.join(others)}</table>"
    return table + _make_section(f"{count(len(others), 'more column')}", more, folded=True)


def _layers(net: DrawnNetwork) -> str:
    head, *rows = net.summary().rows()
    others = [", ".join(_changed(layer)) for layer in net.layers]
    if any(others):
        others += [""] * (len(rows) - len(others))
        head, rows = [*head, ""], [[*row, other] for row, other in zip(rows, others, strict=True)]
    return f"<table>{_row(head, 'th')}{''.join(_row(row, 'td') for row in rows)}</table>"


def _row(cells: Iterable[str], tag: str, n_texts: int = 0) -> str:
    """Return a row of a table, with the first `n_texts` cells aligned as text."""
    shown = []
    for i, cell in enumerate(cells):
        style = ' class="word"' if i < n_texts else ""
        shown.append(f"<{tag}{style}>{escape_text(cell)}</{tag}>")
    return f"<tr>{''.join(shown)}</tr>"


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
