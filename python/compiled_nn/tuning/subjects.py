"""Kinds of estimators that are searched: how the parameters of a candidate become a network, and a fitted model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from ..common import checks
from ..common.errors import located
from ..common.text import short
from ..data import dataframes
from ..estimators import adoption, inputs
from ..estimators.base import Perceptron
from ..estimators.random_draws import random_state
from ..estimators.tabular.base import TabularBase
from ..network.network import Network
from ..spec.configuration import PARAMETERS, check_proximal
from ..spec.members import shared
from ..training.plan import read_target

if TYPE_CHECKING:
    from ..callbacks.stopping import Target
    from ..training.targets import Targets
    from .options import Options
    from .space import Params

_FIT = ("epochs", "batch_size")  # arguments of Network.fit that a space may have
_DEFAULTS = {"epochs": 10, "batch_size": 32}
_NOT_OF_THE_MODEL = {
    name: f"it does not change the model; pass {name} to search" for name in ("n_threads", "verbose")
} | {"on_interrupt": "it does not change the model"}
# Parameters of MLPClassifier and MLPRegressor that a search has no use for, with the reason.
_WITHOUT_EFFECT = {
    **_NOT_OF_THE_MODEL,
    **dict.fromkeys(
        ("tol", "min_delta", "restore_best"),
        "the weights of the epoch with the best validation rows are kept",
    ),
    "validation_fraction": "the validation rows are those of the search; pass validation_fraction to search",
    "monitor": "it is that of the search; pass monitor to search",
    "max_fun": "it belongs to solver='lbfgs'",
}
_VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
# Network before training, its arguments of fit, and the encoding of y; None to determine it from y.
Parts: TypeAlias = "tuple[Network, dict[str, Any], Targets | None]"


@dataclass(frozen=True, eq=False)
class Candidate:
    """One candidate of a search.

    Attributes
    ----------
    index : int
        Index among the candidates.
    params : dict
        Its values of the parameters in the space.
    network : Network
        Network before training.
    fit : dict
        Arguments of fit: "epochs", "batch_size", "shuffle", "patience", "class_weight".
    targets : Targets or None
        Encoding of y; None to determine it from y.
    target : Target or None
        Value of a column of the history at which its training ends.
    """

    index: int
    params: Params
    network: Network
    fit: dict[str, Any]
    targets: Targets | None = None
    target: Target | None = None

    def shares_pass(self, other: Candidate) -> bool:
        """Return whether both candidates can be trained in the same pass over the rows."""
        a, b = self.network._configuration, other.network._configuration
        return self.fit == other.fit and shared(a) == shared(b)


class Subject(ABC):
    """Estimator whose parameters are searched.

    Attributes
    ----------
    owner : str
        Name of its class, or of the function.
    epochs_name : str
        Name of the parameter that is the number of epochs.
    without_effect : mapping of str to str
        Names of parameters that have no effect in a search, with the reason.
    """

    owner: str
    epochs_name = "epochs"
    without_effect: Mapping[str, str] = MappingProxyType({})

    @property
    @abstractmethod
    def names(self) -> Collection[str] | None:
        """Names of the parameters; None if any name is allowed."""

    @abstractmethod
    def network(self, params: Params, seed: int) -> Parts:
        """Return the network of a candidate, its arguments of fit, and the encoding of y."""

    def read(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Return X and y as the networks read them."""
        return X, y

    def model(self, params: Params, net: Network) -> Any:
        """Return the fitted model of a candidate whose network was trained."""
        return net

    def candidate(self, index: int, params: Params, seed: int) -> Candidate:
        """Return a candidate; the message of an error names it."""
        with located(described(index, params)):
            network, fit, targets = self.network(params, seed)
            if network.optimizer.name == "lbfgs":
                raise ValueError(
                    "The optimizer LBFGS uses all rows in each step, but a search trains its candidates on the same"
                    " batches. Use another optimizer, such as AdamW."
                )
            check_proximal(network._configuration)
            checks.integer(self.owner, self.epochs_name, fit["epochs"], minimum=1)
            if fit["batch_size"] not in ("full", None):
                checks.integer(self.owner, "batch_size", fit["batch_size"], minimum=1)
        target = fit.pop("target", None)
        fit = {"shuffle": True, "patience": None, "class_weight": None} | fit
        return Candidate(index, params, network, fit, targets, target)


def _with(estimator: Any, params: Params) -> Any:
    """Return an estimator before fit, with other values of some parameters."""
    return type(estimator)(**estimator.get_params(deep=False)).set_params(**params)


def described(index: int, params: Params) -> str:
    """Return the words by which messages name a candidate."""
    return f"candidate {index}, {short(params)}"


class EstimatorSubject(Subject):
    """MLPClassifier or MLPRegressor."""

    epochs_name = "max_iter"
    without_effect = _WITHOUT_EFFECT

    def __init__(self, estimator: Perceptron) -> None:
        self._estimator = estimator
        self.owner = type(estimator).__name__
        self._y: Any = None

    @property
    def names(self) -> Collection[str]:
        return self._estimator.get_params(deep=False).keys()

    def read(self, X: Any, y: Any) -> tuple[Any, Any]:
        inputs.check_lengths(X, y)
        opened = inputs.opened(self.owner, X, self._estimator.categorical_features is not None)
        self._y = inputs.read_targets(self.owner, y, None)
        if dataframes.feature_names(opened) is None and self._estimator.categorical_features is None:
            opened = inputs.numeric_text(opened)
        return opened, self._y

    def network(self, params: Params, seed: int) -> Parts:
        model = _with(self._estimator, params)
        adoption.check_member(model)
        if "n_iter_no_change" in params and not model.early_stopping:
            raise ValueError(
                f"n_iter_no_change={model.n_iter_no_change!r} has no effect in a search without early_stopping=True."
                " Set the latter, or leave n_iter_no_change out."
            )
        if model.random_state is not None:
            own = model.random_state
            seed = int(own) if isinstance(own, int) else int(random_state(own).randint(1 << 31))
        targets = model._make_targets(self._y)
        fit = {
            "epochs": model.max_iter,
            "batch_size": model._batches(len(self._y)).size,
            "shuffle": bool(model.shuffle),
            "patience": self._patience(model),
            "class_weight": getattr(model, "class_weight", None),
            "target": next(iter(read_target(model.target)), None),
        }
        return adoption.member_network(model, targets, seed), fit, targets

    def _patience(self, model: Any) -> int | None:
        patience = model.n_iter_no_change
        return max(1, int(patience)) if model.early_stopping and patience != float("inf") else None

    def model(self, params: Params, net: Network) -> Any:
        model = _with(self._estimator, params)
        adoption.adopt(model, net, self._y)
        return model


class NetworkSubject(Subject):
    """Network, whose parameters are those of its constructor and `epochs` and `batch_size` of fit."""

    owner = "Network"

    def __init__(self, template: Network, fit: dict[str, Any]) -> None:
        self._template, self._fit = template, _DEFAULTS | fit

    @property
    def names(self) -> Collection[str]:
        return ("layers", "loss", *PARAMETERS, *_FIT)

    def network(self, params: Params, seed: int) -> Parts:
        template = self._template
        c = template._configuration
        given: dict[str, Any] = {"layers": c.layers, "loss": c.loss}
        given |= {name: value for name, (value, changed) in c.options.items() if changed and name != "loss"}
        if c.column_types is not None:
            given["column_types"] = dict(c.column_types)
        given |= {"seed": seed if c.seed is None else c.seed}
        given |= {name: value for name, value in params.items() if name not in _FIT}
        network = Network(**given, n_threads=template.n_threads)
        if "layers" not in params:
            network._initial = template._initial
        return network, self._fit | {name: params[name] for name in _FIT if name in params}, None


class FunctionSubject(Subject):
    """Function of the parameters that returns a Network."""

    def __init__(self, make: Any, fit: dict[str, Any]) -> None:
        self._make, self._fit = make, _DEFAULTS | fit
        self.owner = getattr(make, "__name__", type(make).__name__)
        parameters = signature(make).parameters.values()
        self._own = [each.name for each in parameters if each.kind not in _VARIADIC]
        self._any = any(each.kind is Parameter.VAR_KEYWORD for each in parameters)

    @property
    def names(self) -> Collection[str] | None:
        return None if self._any else (*self._own, *_FIT)

    def network(self, params: Params, seed: int) -> Parts:
        fit = {name: params[name] for name in _FIT if name in params and name not in self._own}
        network = self._make(**{name: value for name, value in params.items() if name not in fit})
        if not isinstance(network, Network):
            raise TypeError(f"{self.owner} must return a Network. Got {short(network)} instead.")
        if network._configuration.seed is None:
            network._configuration = network._configuration.replace(seed=seed)
        return network, self._fit | fit, None


class TabularSubject(Subject):
    """TabularClassifier or TabularRegressor: each candidate is a separate ensemble."""

    without_effect = _NOT_OF_THE_MODEL

    def __init__(self, estimator: TabularBase) -> None:
        self.estimator = estimator
        self.owner = type(estimator).__name__

    @property
    def names(self) -> Collection[str]:
        return self.estimator.get_params(deep=False).keys()

    def network(self, params: Params, seed: int) -> Parts:
        raise NotImplementedError

    def candidate_model(self, params: Params, options: Options) -> TabularBase:
        """Return the estimator of a candidate, before fit."""
        model: TabularBase = _with(self.estimator, params)
        if model.random_state is None:
            model.random_state = options.seed
        if model.monitor == "auto":
            model.monitor = options.monitor
        model._check()
        if model.monitor != options.monitor:
            raise ValueError(
                f"monitor={model.monitor!r} of the estimator differs from that of the search, {options.monitor!r}. Set"
                " the latter only."
            )
        if model.time_limit is not None:
            raise ValueError(
                f"time_limit={model.time_limit!r} of the estimator has no effect in a search; pass it to search."
            )
        return model


def subject_of(estimator: Any, fit: dict[str, Any]) -> Subject:
    """Return the subject of a search.

    Parameters
    ----------
    estimator : Network, MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor or callable
        Estimator whose parameters are searched.
    fit : dict
        Arguments of ``Network.fit`` that the user has given: "epochs" and "batch_size".

    Raises
    ------
    TypeError, ValueError
        If it is another object, or the arguments are not for it.
    """
    if isinstance(estimator, Network):
        return NetworkSubject(estimator, fit)
    if isinstance(estimator, (Perceptron, TabularBase)):
        if fit:
            name = next(iter(fit))
            own = {"epochs": "max_iter", "batch_size": "batch_size"}[name]
            raise ValueError(
                f"{name}={fit[name]!r} is for a Network. {type(estimator).__name__} has the parameter {own}; set it"
                " there, or in the space."
            )
        if isinstance(estimator, Perceptron):
            return EstimatorSubject(estimator)
        return TabularSubject(estimator)
    if callable(estimator) and not isinstance(estimator, type):
        return FunctionSubject(estimator, fit)
    raise TypeError(
        "The 'estimator' parameter of search must be an estimator such as MLPClassifier(), a Network, or a function of"
        f" the parameters that returns a Network. Got {short(estimator)} instead."
    )
