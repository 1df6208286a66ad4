"""Summary table of the layers of a network."""

from __future__ import annotations

from collections.abc import Sequence

from .layers import Dense


def rows(
    layers: Sequence[Dense], activations: Sequence[str], n_features: int | None
) -> list[tuple[str, ...]]:
    """Return the header, one row per layer, and the row of totals; unknown numbers are ``?``."""
    table = [("layer", "inputs", "units", "activation", "parameters")]
    total = 0
    n_inputs = n_features
    for i, (layer, activation) in enumerate(zip(layers, activations, strict=True)):
        count = None if n_inputs is None else layer.n_weights(n_inputs) + layer.bias * layer.units
        total += count or 0
        table.append((str(i), _cell(n_inputs), str(layer.units), activation, _cell(count)))
        n_inputs = layer.units
    return [*table, ("total", "", "", "", _cell(None if n_features is None else total))]


def table(layers: Sequence[Dense], activations: Sequence[str], n_features: int | None) -> str:
    """Return the summary as text: one line per layer with its inputs, units, activation and number of parameters."""
    lines = rows(layers, activations, n_features)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.rjust, row, widths)) for row in lines)


def _cell(number: int | None) -> str:
    return "?" if number is None else str(number)
