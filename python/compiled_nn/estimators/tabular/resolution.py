"""Resolution of "auto": from the parameters of an estimator and the size of its table to networks and a fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...common.errors import count
from ...data.column_types import PLURALS
from ...network.network import Network
from ...optimizers.classes import AdamW
from ...schedules.cycles import Cosine
from ...spec.initializers import Constant
from ...spec.layers import Dense
from ...spec.numeric_embeddings import PiecewiseLinear
from . import recipe
from .report import STATED, Choice, Report
from .target_kinds import ONE_CLASS, ONE_VALUE, constant_outputs

if TYPE_CHECKING:
    from ...data.arrays import Array
    from ...training.ensemble_plan import Combination
    from .parameters import TabularParameters
    from .recipe import Plan, Settings, Size
    from .table import Table
    from .target_kinds import TargetKind

_NO_RATE = 1e-30  # learning rate of outputs that must not change
_LEAST: dict[str, Any] = {"n_members": 1, "epochs": 1}  # of a y that is constant


@dataclass
class Resolution:
    """Choices of a fit, and the networks and options that follow from them.

    Parameters
    ----------
    model : TabularParameters
        Estimator, with checked parameters.
    table : Table
        Its table.
    validates_given_rows : bool
        Whether the user has given validation rows that are not in X.
    """

    model: TabularParameters
    table: Table
    validates_given_rows: bool = False

    def __post_init__(self) -> None:
        self.choices: list[Choice] = []
        self.classifies = self.table.kind.loss.classifies
        self.settings: Settings = recipe.settings(classifies=self.classifies)
        self._describe()
        self.embeddings = self._numeric_embeddings()
        self.size = self._size()
        self.plan = self._plan()
        self.validation = self._validation()

    def report(self) -> Report:
        """Return the choices."""
        return Report(self.choices)

    def choose(self, name: str, value: Any, reason: str) -> Any:
        """Return the value that the user has stated, or else `value`, and note it with its reason."""
        given = self.model._given(name)
        if given is not None or getattr(self.model, name) is None:
            value, reason = given, STATED
        self.note(name, value, reason)
        return value

    def note(self, name: str, value: Any, reason: str) -> None:
        """Note a choice that is not a parameter of the estimator."""
        self.choices.append(Choice(name, _plain(value), reason))

    # ---- choices

    def _describe(self) -> None:
        table = self.table
        kinds = (
            _counted(table.inputs.encoder.column_types_.values())
            if table.inputs.encoder is not None
            else "numbers"
        )
        self.note("table", [table.n_rows, table.inputs.n_features], f"{table.n_rows:,} rows of {kinds}")
        if table.trained is not None:
            text = "training rows of the longest shard, on which the numbers of batches and steps depend"
            self.note("shard", table.trained[1], text)
        self.note("target", table.kind.name, table.kind.reason)
        stated = self.model._given("loss") is not None
        self.note("loss", table.kind.loss.name, STATED if stated else _reason_for_loss(table.kind))

    def _validation(self) -> str | None:
        table = self.table
        if self.validates_given_rows:
            self.note("validation", None, "validation_data is given")
            return None
        value, reason = recipe.validation(table.n_rows, table.kind.largest_class, self.plan.n_members)
        if self.model.shared_weights and value == "folds":
            value, reason = "random", "members that share weights validate the same rows"
        if table.trained is not None and value is not None:
            value, reason = "random", "members on shards validate the same rows, so that there is no oof_"
        chosen: str | None = self.choose("validation", value, reason)
        return chosen

    def _numeric_embeddings(self) -> Any:
        table = self.table
        bins = recipe.n_bins(table.n_rows)
        if table.sparse or not table.inputs.n_numeric:
            return self.choose(
                "numeric_embeddings", None, "X is sparse" if table.sparse else "X has no numbers"
            )
        if not bins:
            return self.choose("numeric_embeddings", None, f"too few rows: {table.n_rows}")
        encoding = PiecewiseLinear(bins=recipe.BINS, bins_by=self.settings.bins_by, gain=self.settings.gain)
        return self.choose("numeric_embeddings", encoding, f"{bins} bins for {table.n_rows:,} rows")

    def _size(self) -> Size:
        table = self.table
        bins = recipe.n_bins(table.n_rows) if self.embeddings is not None else 0
        n_rows, longest = (table.n_rows, None) if table.trained is None else table.trained
        n_inputs = table.inputs.n_columns + bins * table.inputs.n_numeric
        return recipe.Size(n_rows, n_inputs, table.kind.n_outputs, longest)

    def _plan(self) -> Plan:
        model, size = self.model, self.size
        hidden = model._given("hidden_layer_sizes")
        given = {
            "n_members": model._given("n_members"),
            "hidden": None if hidden is None else _sizes(hidden),
            "epochs": model._given("max_iter"),
            "batch": model._given("batch_size"),
        }
        plan = recipe.make_plan(size, model.budget, **given)
        share = plan.work(size) / recipe.most_work(size.n_rows)
        reason = f"{share:.2g} of the work of budget=1 on {count(size.n_inputs, 'input')}"
        if self.table.kind.name in (ONE_CLASS, ONE_VALUE):
            plan = recipe.make_plan(size, **{**_LEAST, **{k: v for k, v in given.items() if v is not None}})
            reason = "there is nothing to learn"
        self.choose("n_members", plan.n_members, reason)
        self.choose("hidden_layer_sizes", plan.hidden, reason)
        self.choose("max_iter", plan.epochs, reason)
        self.choose("batch_size", plan.batch_size, f"{size.in_sequence:,} rows to train on")
        return plan

    # ---- networks and options

    def networks(self, seeds: Array) -> list[Network]:
        """Return the networks of the members, with a seed each."""
        model, table, settings, plan, size = self.model, self.table, self.settings, self.plan, self.size
        of = "classes" if self.classifies else "values"
        activation = self.choose("activation", settings.activation, f"recipe for {of}")
        norm = self._norm(f"recipe for {of}")
        dropout = self.choose("dropout", settings.dropout, f"recipe for {of}")
        rate = self.choose(
            "learning_rate_init",
            recipe.learning_rate(size.in_all_shards(plan.batch_size)),
            "falls to 0 over max_iter as half a cosine wave",
        )
        decay = self.choose("weight_decay", settings.weight_decay, f"recipe for {of}")
        ema = self.choose("ema", settings.ema, "average of the weights over the steps")
        scaling = self._scaling()
        hidden = [Dense(units, activation, norm=norm, dropout=dropout) for units in plan.hidden]
        steps = plan.epochs * -(-size.in_sequence // plan.batch_size)
        options: dict[str, Any] = {
            "loss": table.kind.loss,
            "optimizer": AdamW(Cosine(rate, over=steps), weight_decay=decay),
            "standardize": scaling,
            "ema": ema,
            "dtype": model.dtype,
            "precision": model.precision,
            "n_threads": model.n_threads,
            **self._inputs(),
            **self._scale_targets(),
        }
        init = None
        if table.kind.name == ONE_VALUE:  # outputs that do not depend on X, and that training does not change
            init = Constant(0.0), self._constant_outputs(bool(options.get("scale_targets")))
            options["optimizer"] = AdamW(_NO_RATE, weight_decay=0.0)
        layers = [*hidden, Dense(table.kind.n_outputs, init=init)]
        return [Network(layers, seed=int(seed), **options) for seed in seeds]

    def _constant_outputs(self, scaled: bool) -> Array:
        kind = self.table.kind
        return constant_outputs(self.table.y, kind.loss, kind.n_outputs, scaled)

    def _scaling(self) -> Any:
        value, reason = self.settings.standardize, "numbers far out do not dominate"
        numbers = self.table.numbers if self.model.standardize == "auto" else None
        far = None if numbers is None else recipe.far_column(numbers)
        if far is not None:
            name = self.table.inputs.encoded_titles[far[0]]
            value = "robust_smooth_clip"
            reason = f"the standard deviation of {name!r} is {far[1]:.2g} times its interquartile range"
        return self.choose("standardize", value, reason)

    def _norm(self, reason: str) -> Any:
        n = self.size.n_inputs
        if n < recipe.FEWEST_TO_NORMALIZE and self.settings.norm is not None:
            return self.choose("norm", None, f"{count(n, 'input')}: normalisation would take away too much")
        return self.choose("norm", self.settings.norm, reason)

    def _inputs(self) -> dict[str, Any]:
        model, table = self.model, self.table
        options: dict[str, Any] = {}
        if self.embeddings is not None:
            options["numeric_embeddings"] = self.embeddings
        if table.inputs.encoder is None:
            return options
        return options | {
            "categorical_features": model.categorical_features,
            "min_frequency": model.min_frequency,
            "column_types": model.column_types,
            "embeddings": model.embeddings,
        }

    def _scale_targets(self) -> dict[str, Any]:
        loss = self.table.kind.loss
        if loss.classifies:
            return {}
        can = loss.link == "identity"
        reason = "the unit of y does not matter then" if can else f"the loss {loss.name} has a link"
        return {"scale_targets": self.choose("scale_targets", can, reason)}

    def fit_options(self) -> dict[str, Any]:
        """Return the arguments of ``Ensemble.fit``."""
        model, plan = self.model, self.plan
        options: dict[str, Any] = {
            "epochs": plan.epochs,
            "batch_size": plan.batch_size,
            "validation": self.validation,
            "refit": bool(model.refit),
            "on_interrupt": model.on_interrupt,
            "verbose": int(model.verbose),
        }
        if self.validation is not None or self.validates_given_rows:
            options["monitor"] = self.choose(
                "monitor", self.settings.monitor, "decides which epoch is the best"
            )
            patience = recipe.patience(self.size.in_sequence, plan.batch_size)
            options["patience"] = self.choose("n_iter_no_change", patience, "epochs without a better one")
        if self.validation == "folds":
            most = min(self.table.n_rows, self.table.n_groups or self.table.n_rows)
            options["n_folds"] = recipe.n_folds(plan.n_members, most)
        if self.validation == "random":
            options["validation_fraction"] = self.choose("validation_fraction", recipe.FRACTION, "default")
        return options

    def combine(self) -> Combination:
        """Return how the members are combined."""
        value: Combination = self.choose(
            "combine", "mean", "never worse than a choice on the development tables"
        )
        return value


def _reason_for_loss(kind: TargetKind) -> str:
    """Return the reason for the loss of a kind of y."""
    if kind.loss.classifies or kind.name == "values":
        return f"y has {kind.name}"
    return f"predictions are means; for {kind.name}, no other loss had lower squared errors"


def _sizes(hidden: Any) -> tuple[int, ...]:
    return tuple(map(int, hidden)) if isinstance(hidden, (list, tuple, np.ndarray)) else (int(hidden),)


def _counted(types: Iterable[Any]) -> str:
    """Return the numbers of columns of each type in words."""
    kinds = Counter(each.kind for each in types)
    parts = [
        f"{kinds[kind]} {kind if kinds[kind] == 1 else words}"
        for kind, words in PLURALS.items()
        if kinds[kind]
    ]
    left_out = kinds.total() - sum(kinds[kind] for kind in PLURALS)
    return ", ".join(parts + [f"{left_out} left out"] * bool(left_out))


def _plain(value: Any) -> Any:
    """Return a value as JSON can express it."""
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)
