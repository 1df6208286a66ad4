"""Candidates of the tabular estimators, each of which is an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..common.errors import located
from ..training.ensemble_plan import make_ensemble_plan
from .comparison import Entry
from .options import Options
from .packs import FIT_DEFAULTS, Runner
from .space import Params
from .subjects import Candidate, TabularSubject, described

if TYPE_CHECKING:
    from ..estimators.tabular.base import Prepared, TabularBase


class TabularPack(Runner):
    """Ensemble of a tabular estimator in training.

    Parameters
    ----------
    model : TabularClassifier or TabularRegressor
        Estimator before fit.
    prepared : Prepared
        Its ensemble, with the arguments of fit.
    options : Options
        Data and options.
    """

    is_ensemble = True

    def __init__(self, model: TabularBase, prepared: Prepared, options: Options) -> None:
        self.model, self._prepared, self.options = model, prepared, options
        ensemble = prepared.ensemble
        self.size = len(ensemble._networks)
        self._plan = make_ensemble_plan(
            n_members=self.size, combine=ensemble._combine, gram=False, **FIT_DEFAULTS | prepared.options
        )
        self.epochs, self.seconds = self._plan.plan.epochs, np.zeros(1)
        self.together, self.read = ensemble._prepare(prepared.X, prepared.y, self._plan)
        self.together.warns = False
        self.history = ensemble.history

    def fitted(self) -> TabularBase:
        """Return the fitted estimator, after training."""
        ensemble = self._prepared.ensemble
        ensemble.epochs_planned_ = self.epochs
        ensemble.best_epoch_ = None
        ensemble.stop_reason_ = self.stop_reason(self.together.epoch, self.epochs)
        ensemble._set_results(self.together, self.read, self._plan, self.options.place_of(self))
        self.together.release()
        ensemble._weights_changed()
        self.model._keep(self._prepared)
        return self.model


def tabular_entries(subject: TabularSubject, params: Sequence[Params], options: Options) -> list[Entry]:
    """Prepare candidates, and return them in their order; candidates that read X in the same way share the rows.

    Raises
    ------
    TypeError, ValueError
        If a candidate is invalid, or an option of the search has no effect on these estimators.
    """
    _check(subject, options)
    models = []
    for i, each in enumerate(params):
        with located(described(i, each)):
            models.append(subject.candidate_model(each, options))
    entries: list[Entry] = []
    known: list[Prepared] = []
    for i, model in enumerate(models):
        prepared = _shared(
            model._prepared(
                options.X,
                options.y,
                options.sample_weight,
                options.validation_data,
                options.validation_groups,
            ),
            known,
        )
        with located(described(i, params[i])):
            pack = TabularPack(model, prepared, options)
            if pack.together.held_out is None:
                raise ValueError(
                    "validation=None leaves no validation rows, on which a search compares candidates. Leave it out."
                )
        candidate = Candidate(i, params[i], prepared.ensemble._networks[0], {})
        entries.append(Entry(candidate, pack, 0))
    return entries


def _shared(prepared: Prepared, known: list[Prepared]) -> Prepared:
    """Return a candidate whose rows are those of an earlier one, if they are the same, so that memory has them once."""
    for other in known:
        rows, others = prepared.X.rows, other.X.rows
        if (
            isinstance(rows, np.ndarray)
            and isinstance(others, np.ndarray)
            and rows.dtype == others.dtype
            and np.array_equal(rows, others)
        ):
            return prepared._replace(X=prepared.X.replace(rows=others))
    known.append(prepared)
    return prepared


def _check(subject: TabularSubject, options: Options) -> None:
    without_effect = {
        "validation": not (options.validation is None or isinstance(options.validation, str))
        or options.validation == "folds",
        "validation_fraction": options.validation_fraction is not None,
        "n_threads": options.n_threads is not None,
    }
    for name, is_given in without_effect.items():
        if is_given:
            raise ValueError(
                f"{name} is a parameter of {subject.owner}, which validates its own members. Set it there, not in the"
                " search."
            )
