"""The plain routes: rows as JSON objects, answers as one object per row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..common.errors import did_you_mean
from .documents import kind_of, shown
from .question import Question
from .request_errors import RequestError

if TYPE_CHECKING:
    from .answers import Answers
    from .model import ServedModel
    from .settings import Settings
    from .store import Slot

_KEYS = ("rows", "coverage", "check")


class Objects(Question):
    """Rows of a request as JSON objects or lists."""

    def __init__(self, document: dict[str, Any], slot: Slot, model: ServedModel, settings: Settings) -> None:
        for key in document:
            if key not in _KEYS:
                hint = did_you_mean(key, _KEYS)
                raise RequestError(
                    422,
                    f"The request has the key {shown(key)}; expected rows, coverage and check.{hint}"
                    + (" Send one row as a list with one object." if key in model.rows.titles else ""),
                )
        rows = document.get("rows")
        check_number(len(rows) if isinstance(rows, list) else 0, settings.max_rows)
        super().__init__(slot, model, document.get("coverage"))
        self.rows = model.rows.read(rows)
        self._check = _comparison(model, rows) if self._wants(document) else None

    @staticmethod
    def _wants(document: dict[str, Any]) -> bool:
        """Return whether the rows are to be compared with those of training."""
        wanted = document.get("check", False)
        if not isinstance(wanted, bool):
            raise RequestError(422, f"check is {kind_of(wanted)}; expected true or false.")
        return wanted

    def answer(self, answers: Answers) -> dict[str, Any]:
        """Return the body of the answer."""
        model = self._model
        return {
            "model": self._slot.name,
            "version": self._slot.version,
            "fingerprint": model.fingerprint,
            "predictions": model.answering.rows(answers, self.coverage),
        } | ({} if self._check is None else {"check": self._check})


def _comparison(model: ServedModel, rows: Any) -> dict[str, Any]:
    """Return the comparison of rows with those of training."""
    try:
        return model.check(rows)
    except (TypeError, ValueError) as error:
        raise RequestError(422, f"The rows cannot be checked. {' '.join(str(error).split())}") from None


def check_number(n: int, most: int) -> None:
    """Raise a RequestError for more rows than one request may have."""
    if n > most:
        raise RequestError(
            413, f"The request has {n:,} rows; at most {most:,} are answered at once. Send several requests."
        )


def description(slot: Slot, model: ServedModel) -> dict[str, Any]:
    """Return the metadata of a model."""
    answering = model.answering
    classes = answering.classes if answering.classifies else None
    return {
        "model": slot.name,
        "version": slot.version,
        "kind": "classifier" if answering.classifies else "regressor",
        "classes": classes,
        "quantiles": answering.quantiles or None,
        "columns": list(model.rows.titles),
        "has_intervals": answering.has_regions and not answering.classifies,
        "has_sets": answering.has_regions and answering.classifies,
        "fingerprint": model.fingerprint,
        "loaded_at": model.loaded_at.isoformat(timespec="seconds"),
        "error": slot.error,
        "input_schema": model.input_schema,
        "metadata": model.metadata,
        "card": _card(model, classes),
    }


def _card(model: ServedModel, classes: list[Any] | None) -> dict[str, Any] | None:
    """Return the card of the file of a model, without the schema, which the description has too."""
    if model.file is None:
        return None
    return {name: each for name, each in model.file.card.items() if name != "input_schema"} | {
        "classes": classes
    }


def status_of(error: Exception) -> RequestError:
    """Return the RequestError for an error of a model: a ValueError is that of a row, whose output is not finite."""
    if isinstance(error, RequestError):
        return error
    return RequestError(422, " ".join(str(error).split()))
