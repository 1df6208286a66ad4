"""Configuration: the checked parameters of a network, and their form in a file.

The table `PARAMETERS` declares the parameters of ``Network``, with their defaults and checks. Their order in files and
in the repr is the order of the table.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from .. import losses, optimizers
from ..common import checks
from ..common.errors import did_you_mean
from ..common.immutable import Immutable
from . import layers
from .activations import Activation
from .initializers import NotSaved
from .layers import Dense

if TYPE_CHECKING:
    from ..data.column_types import Word
    from ..losses import Loss
    from ..optimizers.base import Optimizer
    from ..preprocessing.tabular import Tabular
    from .embeddings import EmbeddingWidths
    from .numeric_embeddings import NumericEmbedding, Periodic, PiecewiseLinear

DEFAULT_LOSS: Literal["softmax_cross_entropy"] = "softmax_cross_entropy"
DType: TypeAlias = Literal["float32", "float64"]
DTYPES: tuple[DType, ...] = ("float32", "float64")
Precision: TypeAlias = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
Scaling: TypeAlias = Literal["standard", "robust", "standard_smooth_clip", "robust_smooth_clip", "minmax"]
CLIPPING: tuple[Scaling, ...] = ("standard_smooth_clip", "robust_smooth_clip")  # that clip the numbers
SCALINGS: tuple[Scaling, ...] = ("standard", "robust", "standard_smooth_clip", "robust_smooth_clip", "minmax")
_STEPS = ("clip_norm", "clip_value", "ema")


def _real(name: str, value: object, **bounds: float) -> float:
    return checks.real("Network", name, value, **bounds)


def _positive(name: str, value: object, **bounds: float) -> float | None:
    return None if value is None else _real(name, value, above=0, **bounds)


def _standardize(name: str, value: object) -> bool | Scaling:
    method = checks.flag_or_choice("Network", name, value, SCALINGS)
    return True if method == "standard" else method


def _categorical(name: str, value: Any) -> tuple[int | str, ...] | Literal["auto"] | None:
    if value is None:
        return None
    from ..preprocessing import choices  # imported here to keep `import compiled_nn` fast

    return choices.categorical(value)


def _frequency(name: str, value: Any) -> float | None:
    if value is None:
        return None
    from ..preprocessing import choices  # imported here to keep `import compiled_nn` fast

    return choices.frequency(value)


def _column_types(name: str, value: Any) -> tuple[tuple[int | str, Word], ...] | None:
    if value is None:
        return None
    from ..preprocessing import choices  # imported here to keep `import compiled_nn` fast

    return choices.typed(value)


def _seed(name: str, value: Any) -> int | None:
    """Return a seed as an int or None; a generator draws one, so that its state advances."""
    if value is None or isinstance(value, numbers.Integral):
        return checks.optional_integer("Network", name, value, minimum=0)
    from numpy.random import Generator, RandomState  # imported here to keep `import compiled_nn` fast

    if isinstance(value, RandomState):
        return int(value.randint(1 << 31))
    if isinstance(value, Generator):
        return int(value.integers(1 << 63))
    raise TypeError(
        f"The 'seed' parameter of Network must be an int >= 0, a Generator, a RandomState or None. Got {value!r}"
        " instead."
    )


def _embeddings(name: str, value: Any) -> EmbeddingWidths:
    if value is None:
        return None
    from . import embeddings  # imported here to keep `import compiled_nn` fast

    return embeddings.check(value)


def _numeric_embeddings(name: str, value: Any) -> NumericEmbedding | None:
    if value is None:
        return None
    from . import numeric_embeddings  # imported here to keep `import compiled_nn` fast

    return numeric_embeddings.resolve(value)


# For each parameter besides layers and loss: its default, and the function of (name, value) that returns the checked
# value. Files leave out those of _OPTIONAL that are one of _LEFT_OUT.
PARAMETERS: dict[str, tuple[Any, Callable[[str, Any], Any]]] = {
    "optimizer": ("adam", lambda name, value: optimizers.resolve(value)),
    "l1": (0.0, partial(_real, minimum=0)),
    "l2": (0.0, partial(_real, minimum=0)),
    "input_scale": (1.0, partial(_real, above=0)),
    "dtype": ("float32", lambda name, value: checks.choice("Network", name, value, DTYPES)),
    "seed": (None, _seed),
    "standardize": (False, _standardize),
    "scale_targets": (False, partial(checks.flag, "Network")),
    "categorical_features": (None, _categorical),
    "min_frequency": (None, _frequency),
    "column_types": (None, _column_types),
    "input_dropout": (0.0, partial(_real, minimum=0, below=1)),
    "embeddings": (None, _embeddings),
    "clip_norm": (None, _positive),
    "clip_value": (None, _positive),
    "ema": (None, partial(_positive, below=1)),
    "proximal": (False, partial(checks.flag, "Network")),
    "numeric_embeddings": (None, _numeric_embeddings),
    "precision": ("float32", lambda name, value: checks.choice("Network", name, value, PRECISIONS)),
}
_FIRST = ("optimizer", "l1", "l2", "input_scale", "dtype", "seed")  # in files of every format
_OPTIONAL = [name for name in PARAMETERS if name not in _FIRST]
_LEFT_OUT = (None, False, PRECISIONS[0])
_NAMES = ("layers", "loss", *PARAMETERS)


class Configuration(Immutable):
    """The checked parameters of a Network, which documents them.

    `n_threads` is not part of the model, so it is not stored. :func:`configure` checks the parameters given by a user
    and returns the configuration.
    """

    layers: tuple[Dense, ...]
    loss: Loss
    optimizer: Optimizer
    l1: float
    l2: float
    input_scale: float
    dtype: DType
    seed: int | None
    standardize: bool | Scaling
    scale_targets: bool
    categorical_features: tuple[int | str, ...] | Literal["auto"] | None
    min_frequency: float | None
    column_types: tuple[tuple[int | str, Word], ...] | None
    input_dropout: float
    embeddings: EmbeddingWidths
    clip_norm: float | None
    clip_value: float | None
    ema: float | None
    proximal: bool
    numeric_embeddings: NumericEmbedding | None
    precision: Precision

    def __init__(self, *, layers: tuple[Dense, ...], loss: Loss, **parameters: Any) -> None:
        self._set(layers=layers, loss=loss, **parameters)

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if isinstance(other, Configuration) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    @property
    def update(self) -> dict[str, Any]:
        """Keyword arguments of ``Stack.set_update``: the options for which a step needs the whole gradient."""
        factors = [layer.rate_factor for layer in self.layers]
        steps = {name: getattr(self, name) for name in _STEPS}
        return {"factors": factors, "proximal": self.proximal or None, **steps}

    @property
    def n_outputs(self) -> int:
        """Number of units of the last layer."""
        return self.layers[-1].units

    @property
    def scale(self) -> float:
        """Factor by which X is multiplied: `input_scale`, which has no effect with `standardize`."""
        return 1.0 if self.standardize else self.input_scale

    @property
    def scaling(self) -> Scaling | None:
        """Method by which the columns of X are scaled, one of `SCALINGS`; None if they are not scaled."""
        return "standard" if self.standardize is True else self.standardize or None

    @property
    def activations(self) -> list[str | Activation]:
        """Activation of each layer; that of the last layer is the link of the loss, or its own activation."""
        return layers.layer_activations(self.layers, self.loss)

    @property
    def activated(self) -> bool:
        """Whether the loss is one of the outputs of the last activation, which is not a link: see `Objective`."""
        return self.layers[-1].activation not in (None, "identity", self.loss.link)

    @property
    def activation_names(self) -> list[str]:
        """Names of the activations of all layers."""
        return list(map(str, self.activations))

    @property
    def needs_whole_gradient(self) -> bool:
        """Whether a step of the optimizer needs the whole gradient, instead of the part of one layer."""
        changed = (value is not None and value != [1.0] * len(self.layers) for value in self.update.values())
        return self.embeddings is not None or self.layers[0].blocks is not None or any(changed)

    @property
    def dropout(self) -> list[float]:
        """Dropout probabilities: that of the inputs, then those of the outputs of each layer."""
        return [self.input_dropout, *(layer.dropout for layer in self.layers)]

    @property
    def has_norm_residual_or_dropout(self) -> bool:
        """Whether a layer is normalised or residual, or there is dropout."""
        return any(self.dropout) or any(layer.norm or layer.residual for layer in self.layers)

    @property
    def has_batch_norm(self) -> bool:
        """Whether a layer is normalised over the rows of a batch."""
        return "batch" in [layer.norm for layer in self.layers]

    def new_encoder(self) -> Tabular:
        """Return an encoder for tables that is not fitted yet."""
        from ..preprocessing.tabular import Tabular  # imported here to keep `import compiled_nn` fast

        features = self.categorical_features
        types = None if self.column_types is None else dict(self.column_types)
        return Tabular("auto" if features is None else features, self.min_frequency, types)

    @property
    def bins(self) -> PiecewiseLinear | None:
        """Piecewise-linear encoding of the columns of numbers, if there is one."""
        if self.numeric_embeddings is None:
            return None
        from .numeric_embeddings import PiecewiseLinear  # imported here to keep `import compiled_nn` fast

        return self.numeric_embeddings if isinstance(self.numeric_embeddings, PiecewiseLinear) else None

    @property
    def periodic(self) -> Periodic | None:
        """Periodic encoding of the columns of numbers, if there is one."""
        return None if self.bins is not None else cast("Periodic | None", self.numeric_embeddings)

    def embedded(self, encoder: Tabular | None, n_bins: int = 0, n_columns: int = 0) -> Configuration:
        """Return this configuration with the layer of its embeddings or its periodic encoding, if any.

        Parameters
        ----------
        encoder : Tabular or None
            Fitted encoder of tables; None for numeric X.
        n_bins : int, default 0
            Number of bins, which are inputs that follow the columns.
        n_columns : int, default 0
            Number of columns, encoded.
        """
        if self.periodic is not None:
            return self.replace(layers=self.periodic.embedded(self.layers, encoder, n_columns))
        if self.embeddings is None or encoder is None:
            return self
        from .embeddings import embedded  # imported here to keep `import compiled_nn` fast

        return self.replace(layers=embedded(self.layers, self.embeddings, encoder, n_bins))

    def without_given_weights(self) -> Configuration:
        """Return this configuration with a placeholder for initial weights given as arrays, which files do not hold."""
        return self.replace(layers=tuple(replace(layer, init=NotSaved()) for layer in self.layers))

    @property
    def options(self) -> dict[str, tuple[Any, bool]]:
        """Value of each parameter except the layers, and whether it differs from the default, by name."""
        default = configure(self.layers, self.loss)
        short = losses.short(self.loss)
        loss = {"loss": (short, short != DEFAULT_LOSS)}
        values = {name: (getattr(self, name), getattr(default, name)) for name in PARAMETERS}
        return loss | {name: (value, value != normal) for name, (value, normal) in values.items()}

    def __str__(self) -> str:
        changed = {
            name: value for name, (value, changed) in self.options.items() if changed or name == "loss"
        }
        options = "".join(f", {name}={value!r}" for name, value in changed.items())
        return f"{list(self.layers)!r}{options}"


def check_scales(input_scale: object, standardize: object) -> None:
    """Raise ValueError for an `input_scale` that has no effect; files may have it, so :func:`configure` accepts it."""
    if standardize is not False and input_scale != 1:
        raise ValueError(
            f"input_scale={input_scale!r} has no effect with standardize={standardize!r}, which scales each column;"
            " leave one of them out."
        )


def configure(layers_: Sequence[Dense], loss: Loss | str = DEFAULT_LOSS, **parameters: Any) -> Configuration:
    """Check the parameters of a network, and return them as a configuration; parameters left out have their defaults.

    Raises
    ------
    TypeError, ValueError
        If a parameter is unknown, has the wrong type or value, or does not match another parameter.
    """
    checked = layers.check_layers(layers_)
    unknown = parameters.keys() - PARAMETERS.keys()
    if unknown:
        name = min(unknown)
        raise TypeError(f"Network has no parameter {name!r}.{did_you_mean(name, PARAMETERS, 'Network')}")
    for name in ("min_frequency", "column_types", "embeddings"):
        if parameters.get(name) is not None and parameters.get("categorical_features") is None:
            raise ValueError(
                f"{name} is given, but categorical_features is not. Pass categorical_features='auto', or leave"
                f" {name} out."
            )
    configuration = Configuration(
        layers=checked,
        loss=losses.resolve(loss, checked[-1].units),
        **{name: check(name, parameters.get(name, default)) for name, (default, check) in PARAMETERS.items()},
    )
    if configuration.column_types is not None:
        from ..preprocessing import choices  # imported here to keep `import compiled_nn` fast

        choices.check_contradictions(configuration.categorical_features, configuration.column_types)
    if configuration.scale_targets:
        _check_scaled_targets(configuration)
    check_precision(configuration.precision, configuration.dtype)
    if configuration.periodic is not None and configuration.embeddings is not None:
        raise ValueError(
            "embeddings and a periodic encoding in numeric_embeddings are both the first layer. Leave one of them out:"
            " without embeddings, categories are columns of 0 and 1."
        )
    layers.layer_activations(checked, configuration.loss)  # checks the activation of the last layer
    return configuration


def check_precision(precision: str, dtype: str) -> None:
    """Raise a ValueError for a precision that a network of this dtype does not have."""
    if precision != "float32" and dtype != "float32":
        raise ValueError(
            f"precision={precision!r} is for networks of dtype 'float32', whose products it computes with fewer digits;"
            f" dtype is {dtype!r}. Leave one of them out."
        )


def check_optimizer_precision(configuration: Configuration) -> None:
    """Raise a ValueError if the optimizer needs gradients that are more exact than the precision."""
    if configuration.precision != "float32" and configuration.optimizer.name == "lbfgs":
        raise ValueError(
            f"precision={configuration.precision!r} is not for the optimizer LBFGS, which computes in float64. Leave"
            " precision out, or use another optimizer, such as Adam()."
        )


def check_proximal(configuration: Configuration) -> None:
    """Raise a ValueError if proximal steps have no effect, or the optimizer does not allow them."""
    c = configuration
    if c.proximal and c.l1 == 0:
        raise ValueError("proximal=True has no effect with l1=0. Pass l1 > 0, or leave proximal out.")
    if c.proximal and isinstance(c.optimizer, (optimizers.Lion, optimizers.Rprop)):
        name = type(c.optimizer).__name__
        raise ValueError(
            f"proximal=True needs an optimizer whose steps depend on the size of the gradient; {name} uses only its"
            " sign. Use another optimizer, such as Adam."
        )


def _check_scaled_targets(configuration: Configuration) -> None:
    """Raise a ValueError for a loss whose targets cannot be scaled."""
    loss = configuration.loss
    if loss.classifies:
        raise ValueError(
            f"scale_targets=True is for a loss for values, such as mse; the loss {loss.name} predicts classes."
        )
    if loss.link != "identity":
        raise ValueError(
            f"scale_targets=True needs a loss without a link, but {loss.name} predicts {loss.link}(z): values in the"
            " range of the link cannot be scaled to mean 0. Leave scale_targets out; y may have any size within the"
            " range."
        )
    if configuration.activated:
        raise ValueError(
            f"scale_targets=True standardises y, but the outputs of the last layer are those of"
            f" {configuration.activations[-1]}, which do not have the range of a standardised y. Leave one of them out."
        )


def to_config(configuration: Configuration) -> dict[str, Any]:
    """Return `configuration` as JSON values; optional parameters that are one of `_LEFT_OUT` are left out."""
    names = [
        name for name in _NAMES if name not in _OPTIONAL or getattr(configuration, name) not in _LEFT_OUT
    ]
    config = {name: getattr(configuration, name) for name in names}
    if configuration.numeric_embeddings is not None:
        from . import numeric_embeddings  # imported here to keep `import compiled_nn` fast

        config["numeric_embeddings"] = numeric_embeddings.to_config(configuration.numeric_embeddings)
    return config | {
        "layers": [layers.to_config(layer) for layer in configuration.layers],
        "loss": losses.to_config(configuration.loss),
        "optimizer": optimizers.to_config(configuration.optimizer),
    }


def from_config(config: object) -> Configuration:
    """Return the configuration from the JSON values that :func:`to_config` returned."""
    given_optional = {
        name for name in _OPTIONAL if isinstance(config, dict) and config.get(name) not in _LEFT_OUT
    }
    names = tuple(name for name in _NAMES if name not in _OPTIONAL or name in given_optional)
    given: dict[str, Any] = checks.fields("network", config, names)
    if not isinstance(given["layers"], list):
        raise ValueError("layers must be a JSON array.")
    layers.check_number(len(given["layers"]))
    given["layers_"] = [layers.from_config(layer) for layer in given.pop("layers")]
    given["loss"] = losses.from_config(given["loss"])
    given["optimizer"] = optimizers.from_config(given["optimizer"])
    if "numeric_embeddings" in given:
        from . import numeric_embeddings  # imported here to keep `import compiled_nn` fast

        given["numeric_embeddings"] = numeric_embeddings.from_config(given["numeric_embeddings"])
    return configure(**given)
