"""Answers for rows: labels and probabilities, or values, with sets and intervals of a calibrated model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..artefact import regions
from ..artefact.predictor import BOTH_CLASSES, Predictor
from ..common.text import distinct_texts
from ..losses import Quantile
from ..uncertainty import conformal
from .request_errors import RequestError

if TYPE_CHECKING:
    from ..data.arrays import Array

COVERAGE = 0.9  # of sets and intervals, if the request states none


class Answers(NamedTuple):
    """Answers for rows, as arrays with one entry per row; None for what the model does not have.

    Attributes
    ----------
    label : ndarray (m,), or (m, n) of 0 and 1 for several labels per row
    probabilities, in_set : ndarray (m, n_classes)
    value, std, lower, upper : ndarray (m, n)
    """

    label: Array | None = None
    probabilities: Array | None = None
    in_set: Array | None = None
    value: Array | None = None
    std: Array | None = None
    lower: Array | None = None
    upper: Array | None = None

    def part(self, start: int, stop: int) -> Answers:
        """Return the answers for the rows start, ..., stop - 1."""
        return Answers(*(None if array is None else array[start:stop] for array in self))


class Answering:
    """Computation and wording of the answers of a model.

    Parameters
    ----------
    predictor : Predictor
        Predictor for rows that are encoded already.

    Attributes
    ----------
    classes : list
        Labels, as values of JSON; empty for values.
    names : list of str
        Keys of the probabilities.
    has_regions : bool
        Whether sets or intervals can be given for some coverage.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        outputs = predictor.outputs
        self.targets, self.loss = outputs.targets, outputs.loss
        self.classifies, self.several = self.loss.classifies, self.targets.kind == "indicator"
        self.certain = self.targets.has_one_class
        classes = [] if self.targets.classes is None else self.targets.classes.tolist()
        if self.several:
            classes = classes[-outputs.n_outputs :]
        self.classes = [json_value(label) for label in (classes[:1] if self.certain else classes)]
        self.names = distinct_texts(self.classes)
        self.quantiles = [f"{q:g}" for q in self.loss.quantiles] if isinstance(self.loss, Quantile) else []
        self.has_deviations = self.loss.name == "gaussian_nll"
        self.has_regions = outputs.calibration.scores is not None and not (self.several or self.certain)
        self._margin = None
        if self.has_regions:
            try:
                self._margin = self._margin_of(COVERAGE)
            except ValueError:  # too few rows for this coverage; a request may state another one
                self._margin = None

    @property
    def has_default_regions(self) -> bool:
        """Whether answers have sets or intervals if the request does not state a coverage."""
        return self._margin is not None

    @property
    def largest_coverage(self) -> float:
        """Largest coverage of sets and intervals: c needs c / (1 - c) rows to calibrate on."""
        scores = self.predictor.outputs.calibration.scores
        n = 0 if scores is None else len(scores)
        return n / (n + 1)

    def _margin_of(self, coverage: float) -> Array:
        scores = self.predictor.outputs.calibration.scores
        assert scores is not None
        return conformal.threshold(scores, coverage)

    def margin_for(self, coverage: Any) -> Array | None:
        """Return the margin for a coverage that a request states; None for the default.

        Raises
        ------
        RequestError
            If the coverage is not a number between 0 and 1, or the model is not calibrated, or on too few rows.
        """
        if coverage is None:
            return None
        if isinstance(coverage, bool) or not isinstance(coverage, (int, float)) or not 0 < coverage < 1:
            raise RequestError(422, "coverage must be a number between 0 and 1, such as 0.9.")
        if not self.has_regions:
            what = "sets of classes" if self.classifies else "intervals"
            raise RequestError(
                422,
                f"The model has no {what}: it was not calibrated on held-out rows. Leave coverage out, or call"
                " calibrate_intervals before save.",
            )
        try:
            return self._margin_of(float(coverage))
        except ValueError as error:
            raise RequestError(422, f"coverage {coverage:g}: {error}") from None

    def compute(self, rows: Array, margin: Array | None = None) -> Answers:
        """Return the answers for encoded rows (m, n); `margin`: that of :meth:`margin_for`.

        Raises
        ------
        ValueError
            If an output is not finite.
        """
        margin = self._margin if margin is None else margin
        return self._classes(rows, margin) if self.classifies else self._values(rows, margin)

    def _classes(self, rows: Array, margin: Array | None) -> Answers:
        predictor = self.predictor
        probabilities = predictor.predict_proba(rows)
        if predictor.probabilities is None:
            label = predictor.predict(rows)
        else:  # the outputs after the link are the probabilities
            outputs = probabilities[:, 1:] if predictor.probabilities == BOTH_CLASSES else probabilities
            label = self.targets.decode(outputs[:, : predictor.outputs.n_outputs])
        if self.several:
            probabilities = probabilities[:, -predictor.outputs.n_outputs :]
        in_set = None if margin is None else regions.class_set(probabilities, margin)
        return Answers(label=label, probabilities=probabilities, in_set=in_set)

    def _values(self, rows: Array, margin: Array | None) -> Answers:
        predictor, std, lower, upper = self.predictor, None, None, None
        if self.has_deviations:
            value, std = predictor.predict_distribution(rows)
            std = _matrix(std)
        else:
            value = predictor.predict(rows)
        if margin is not None:
            lower, upper = map(_matrix, regions.interval(predictor, rows, margin))
        return Answers(value=_matrix(value), std=std, lower=lower, upper=upper)

    # ---- one dict per row

    def rows(self, answers: Answers, coverage: float | None = None) -> list[dict[str, Any]]:
        """Return the answers as one dict per row, whose values JSON has."""
        coverage = COVERAGE if coverage is None else coverage
        return self._class_rows(answers, coverage) if self.classifies else self._value_rows(answers, coverage)

    def _class_rows(self, answers: Answers, coverage: float) -> list[dict[str, Any]]:
        assert answers.label is not None
        assert answers.probabilities is not None
        names, found = self.names, []
        if self.certain:
            return [{"label": self.classes[0], "probabilities": {names[0]: 1.0}} for _ in answers.label]
        labels, probabilities = answers.label.tolist(), answers.probabilities.tolist()
        for label, shares in zip(labels, probabilities, strict=True):
            if self.several:
                chosen = [name for name, is_on in zip(self.classes, label, strict=True) if is_on]
                row: dict[str, Any] = {"labels": chosen}
            else:
                row = {"label": json_value(label)}
            row["probabilities"] = dict(zip(names, shares, strict=True))
            found.append(row)
        if answers.in_set is not None:
            for row, members in zip(found, answers.in_set.tolist(), strict=True):
                labels = [label for label, is_in in zip(self.classes, members, strict=True) if is_in]
                row["set"] = {"coverage": coverage, "labels": labels}
        return found

    def _value_rows(self, answers: Answers, coverage: float) -> list[dict[str, Any]]:
        assert answers.value is not None
        found: list[dict[str, Any]] = []
        for values in answers.value.tolist():
            if self.quantiles:
                found.append({"quantiles": dict(zip(self.quantiles, values, strict=True))})
            else:
                found.append({"value": values[0]} if len(values) == 1 else {"values": values})
        if answers.std is not None:
            for row, deviations in zip(found, answers.std.tolist(), strict=True):
                row["std"] = deviations[0] if len(deviations) == 1 else deviations
        if answers.lower is not None and answers.upper is not None:
            bounds = zip(found, answers.lower.tolist(), answers.upper.tolist(), strict=True)
            for row, lower, upper in bounds:
                low, high = [finite(bound) for bound in lower], [finite(bound) for bound in upper]
                one = len(low) == 1
                row["interval"] = {
                    "coverage": coverage,
                    "lower": low[0] if one else low,
                    "upper": high[0] if one else high,
                }
        return found


def _matrix(values: Array) -> Array:
    return values[:, np.newaxis] if values.ndim == 1 else values


def finite(number: float) -> float | None:
    """Return a number; None for an infinite one, which JSON does not have."""
    return number if math.isfinite(number) else None


def json_value(label: Any) -> Any:
    """Return a label as a value of JSON."""
    return label if isinstance(label, (str, int, float)) else label.decode("utf-8", "backslashreplace")
