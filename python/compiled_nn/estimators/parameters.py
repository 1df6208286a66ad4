"""Parameters of the estimators: their declaration, and scikit-learn's methods to read and to set them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, signature
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..common.errors import did_you_mean
from ..spec.activations import Activation, HiddenName
from ..spec.configuration import DType, Precision, Scaling
from ..spec.layers import Norm

if TYPE_CHECKING:
    from typing import Self

    from ..data.arrays import Array
    from ..metrics.scorers import MetricLike
    from ..optimizers import OptimizerName
    from ..optimizers.base import Optimizer
    from ..preprocessing.choices import Features, Types
    from ..spec.embeddings import Widths
    from ..spec.initializers import Constant, InitName, Normal, Uniform
    from ..spec.numeric_embeddings import NumericEmbedding, NumericEmbeddingName
    from ..training.averaging import SWA
    from ..training.plan import OnInterrupt

STOCHASTIC = ("sgd", "adam")
SOLVERS = ("lbfgs", *STOCHASTIC)
Solver: TypeAlias = Literal["lbfgs", "sgd", "adam"]
RATES = ("constant", "invscaling", "adaptive")
Rates: TypeAlias = Literal["constant", "invscaling", "adaptive"]
Preset: TypeAlias = Literal["tabular"]
PRESETS: tuple[Preset, ...] = ("tabular",)
HiddenActivation: TypeAlias = HiddenName | Literal["logistic"] | Activation
Initializer: TypeAlias = "InitName | Normal | Uniform | Constant | None"
_VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


@cache
def _constructor_defaults(owner: Any) -> dict[str, Any]:
    """Return the names and defaults of the constructor's parameters; a user's subclass may have other ones."""
    parameters = list(signature(owner.__init__).parameters.values())[1:]
    return {each.name: each.default for each in parameters if each.kind not in _VARIADIC}


@cache
def _reader(owner: Any) -> Callable[[Any], tuple[Any, ...]]:
    """Return the function of an estimator that returns its class, twice, and the values of its parameters."""
    return attrgetter(
        "__class__", "__class__", *_constructor_defaults(owner)
    )  # a tuple for any number of names


class ParameterAccess:
    """Methods of scikit-learn's estimators to read and to set the parameters of the constructor."""

    _kind: str

    @property
    def _owner(self) -> str:
        """Name of the class, for messages."""
        return type(self).__name__

    # ---- interface of scikit-learn's estimators

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool, default True
            Without effect, as no parameter is an estimator.

        Returns
        -------
        dict

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> cnn.MLPClassifier(max_iter=50).get_params()["max_iter"]
        50
        """
        return dict(zip(self._defaults(), self._values(), strict=True))

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name.

        Parameters
        ----------
        **params
            New values; they are checked by fit.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If a name is not that of a parameter; no parameter is changed then.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPClassifier(max_iter=50)
        >>> model.set_params(max_iter=80, solver="lbfgs")
        MLPClassifier(max_iter=80, solver='lbfgs')
        """
        names = sorted(self.get_params())
        for name in params:
            if name not in names:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self!r}. Valid parameters are: {names!r}."
                    + did_you_mean(name, names, "estimator")
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def changed(self) -> dict[str, Any]:
        """Return the parameters that differ from their defaults.

        Returns
        -------
        dict
            Values by the names of the parameters, in alphabetical order.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> cnn.MLPClassifier(max_iter=50, solver="adam", dropout=0.2).changed()
        {'dropout': 0.2, 'max_iter': 50}
        """
        defaults = self._defaults()
        given = zip(defaults, self._values(), strict=True)
        others = sorted(
            ((name, value) for name, value in given if value is not defaults[name]), key=itemgetter(0)
        )
        return {name: value for name, value in others if repr(value) != repr(defaults[name])}

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.changed().items())
        quantized = ".quantize(...)" if getattr(self, "_is_quantized", False) else ""
        return f"{type(self).__name__}({arguments}){quantized}"

    def _defaults(self) -> dict[str, Any]:
        owner: Any = type(self)
        return _constructor_defaults(owner)

    def _values(self) -> tuple[Any, ...]:
        """Return the values of the parameters, in the order of :meth:`_defaults`."""
        owner: Any = type(self)
        return _reader(owner)(self)[2:]


@dataclass(kw_only=True, eq=False, repr=False)
class Parameters(ParameterAccess):
    """Parameters that classifier and regressor share; described at :class:`MLPClassifier`."""

    hidden_layer_sizes: int | Iterable[int] = (100,)
    activation: HiddenActivation | Sequence[HiddenActivation] = "relu"
    solver: Solver = "adam"
    alpha: float = 0.0001
    batch_size: int | Literal["auto", "full"] | None = "auto"
    learning_rate: Rates = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    max_fun: int = 15000
    l1: float = 0.0
    use_bias: bool = True
    init: Initializer | Sequence[Initializer] = None
    coefs_init: Sequence[Array] | None = None
    intercepts_init: Sequence[Array] | None = None
    norm: Norm | Sequence[Norm | None] | None = None
    residual: bool = False
    dropout: float | Sequence[float] = 0.0
    input_dropout: float = 0.0
    n_batches: int | None = None
    accumulate: int = 1
    drop_last: bool = False
    layer_rates: Sequence[float] | None = None
    weight_decay: float = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None
    ema: float | None = None
    proximal: bool = False
    averaging: SWA | None = None
    optimizer: Optimizer | OptimizerName | None = None
    schedule: Callable[[int], float] | None = None
    input_scale: float = 1.0
    standardize: bool | Scaling = False
    categorical_features: Features | None = None
    min_frequency: float | None = None
    column_types: Types | None = None
    embeddings: Widths | None = None
    numeric_embeddings: NumericEmbedding | NumericEmbeddingName | None = None
    metrics: Sequence[MetricLike] = ()
    monitor: str | None = None
    target: tuple[str, float] | None = None
    min_delta: float | None = None
    restore_best: bool = True
    time_limit: float | None = None
    on_interrupt: OnInterrupt = "return"
    dtype: DType = "float32"
    precision: Precision = "float32"
    n_threads: int | None = None
    callbacks: Any = None
    preset: Preset | None = None
