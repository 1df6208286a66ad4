"""Table of the networks of an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..common.text import html_table

_COLUMNS = ("member", "layers", "activations", "parameters", "weight", "temperature", "best epoch")


@dataclass(frozen=True)
class MemberSummary:
    """Sizes of a network of an ensemble, and its part in the mean; None where a number is not known before fit.

    Attributes
    ----------
    member : int
        Index among the networks from which the ensemble was created.
    layers : tuple of int
        Number of units of each layer.
    activations : tuple of str
        Activation of each layer.
    parameters : int or None
        Number of weights, biases and gains.
    weight : float or None
        Weight in the mean.
    temperature : float or None
        Temperature of the probabilities.
    best_epoch : int or None
        Epoch of the weights.
    """

    member: int
    layers: tuple[int, ...]
    activations: tuple[str, ...]
    parameters: int | None = None
    weight: float | None = None
    temperature: float | None = None
    best_epoch: int | None = None

    def cells(self) -> list[str]:
        """Return the text of the row of a table."""
        numbers = (self.parameters, self.weight, self.temperature, self.best_epoch)
        return [
            str(self.member),
            "-".join(map(str, self.layers)),
            ", ".join(dict.fromkeys(self.activations)),
            *(
                "?" if number is None else f"{number:.4g}" if isinstance(number, float) else str(number)
                for number in numbers
            ),
        ]


class MembersSummary:
    """Table of the networks of an ensemble, which prints as text and which notebooks show as a table.

    Parameters
    ----------
    members : sequence of MemberSummary
        Networks that predict; before fit, all networks.
    precision : {"float32", "bfloat16", "int8"}, default "float32"
        Precision of the products of predictions.

    Attributes
    ----------
    members : tuple of MemberSummary
        Networks that predict; before fit, all networks.
    precision : str
        Precision of the products of predictions, which the table has if it is narrow.
    n_parameters : int or None
        Number of weights, biases and gains of all of them; None before fit.
    """

    def __init__(self, members: Sequence[MemberSummary], precision: str = "float32") -> None:
        self.members, self.precision = tuple(members), precision
        numbers = [member.parameters for member in members]
        known = [number for number in numbers if number is not None]
        self.n_parameters = sum(known) if len(known) == len(numbers) else None

    def rows(self) -> list[list[str]]:
        """Return the header, one row per network, and the rows of totals, as text; unknown numbers are "?"."""
        total = "?" if self.n_parameters is None else str(self.n_parameters)
        last = [["total", "", "", total, "", "", ""]]
        if self.precision != "float32":
            last.append(["products", "", "", self.precision, "", "", ""])
        return [list(_COLUMNS), *(member.cells() for member in self.members), *last]

    def __str__(self) -> str:
        lines = self.rows()
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.rjust, row, widths)).rstrip() for row in lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self.rows())
