"""Rows of a request, ready for a model: what the questions of both protocols have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..data.arrays import Array
    from .answers import Answers
    from .model import ServedModel
    from .store import Slot


class Question:
    """Rows of a request, ready for a model.

    Its classes have the parameters `document` (dict: body of the request), `slot`, `model` and `settings` (Settings:
    limits of the service), and raise a RequestError if the request cannot be answered.

    Parameters
    ----------
    slot : Slot
        Place of the model.
    model : ServedModel
        Model that answers.
    coverage : object
        Coverage of intervals and sets in the request; None if there is none.
    """

    rows: Array

    def __init__(self, slot: Slot, model: ServedModel, coverage: Any) -> None:
        self._slot, self._model, self.coverage = slot, model, coverage
        self.margin: Array | None = model.answering.margin_for(coverage)

    def answer(self, answers: Answers) -> dict[str, Any]:
        """Return the body of the answer."""
        raise NotImplementedError
