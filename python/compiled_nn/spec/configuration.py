"""What a network was asked to be: its parameters, checked once, and their form in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .. import losses, optimizers
from ..common import checks
from . import layers
from .activations import Activation
from .initializers import NotSaved
from .layers import Dense

if TYPE_CHECKING:
    from ..losses import Loss
    from ..optimizers.classes import Optimizer
    from ..preprocessing.tabular import Features, Tabular
    from .embeddings import Wanted

DEFAULT_LOSS = "softmax_cross_entropy"
DTYPES = ("float32", "float64")
_STEPS = ("clip_norm", "clip_value", "ema")
# In a file only where they are asked for:
_LATER = (
    *("standardize", "scale_targets", "categorical_features", "min_frequency", "input_dropout", "embeddings"),
    *_STEPS,
)
_OPTIONS = ("optimizer", "l1", "l2", "input_scale", "dtype", "seed", *_LATER)
_FIELDS = ("layers", "loss", *_OPTIONS)
SCALINGS = ("standard", "robust", "minmax")


@dataclass(frozen=True)
class Configuration:
    """The parameters of a Network, checked; documented there. `n_threads` is the machine's matter."""

    layers: tuple[Dense, ...]
    loss: Loss
    optimizer: Optimizer
    l1: float
    l2: float
    input_scale: float
    dtype: str
    seed: int | None
    standardize: bool | str
    scale_targets: bool
    categorical_features: tuple[int | str, ...] | str | None
    min_frequency: float | None
    input_dropout: float
    clip_norm: float | None
    clip_value: float | None
    ema: float | None
    embeddings: Wanted

    @property
    def update(self) -> dict[str, Any]:
        """What the steps wait for the whole gradient for, in the core's words."""
        factors = [layer.rate_factor for layer in self.layers]
        return {"factors": factors, **{name: getattr(self, name) for name in _STEPS}}

    @property
    def n_outputs(self) -> int:
        """Units of the last layer."""
        return self.layers[-1].units

    @property
    def scaling(self) -> str | None:
        """How the columns of X are scaled, one of `SCALINGS`; None: they are not."""
        return "standard" if self.standardize is True else self.standardize or None

    @property
    def activations(self) -> list[str | Activation]:
        """Activation of every layer, the last one being the link of the loss."""
        return layers.layer_activations(self.layers, self.loss.link)

    @property
    def activation_names(self) -> list[str]:
        """The same, by name."""
        return list(map(str, self.activations))

    @property
    def waits(self) -> bool:
        """Whether the steps wait for the whole gradient."""
        asked = (value is not None and value != [1.0] * len(self.layers) for value in self.update.values())
        return self.embeddings is not None or self.layers[0].blocks is not None or any(asked)

    @property
    def dropout(self) -> list[float]:
        """How much is left out in training: of the inputs, then of the outputs of each layer."""
        return [self.input_dropout, *(layer.dropout for layer in self.layers)]

    @property
    def blocks(self) -> bool:
        """Whether layers are more than a product and an activation: normalised, residual, or thinned out."""
        return any(self.dropout) or any(layer.norm or layer.residual for layer in self.layers)

    def embedded(self, encoder: Tabular | None) -> Configuration:
        """Return this configuration with the layer of the embeddings that it asks for, of what the encoder learned."""
        if self.embeddings is None or encoder is None:
            return self
        from .embeddings import embedded  # few networks have any

        return replace(self, layers=embedded(self.layers, self.embeddings, encoder))

    def without_given_weights(self) -> Configuration:
        """Return this configuration with initial weights that are not known any more."""
        return replace(self, layers=tuple(replace(layer, init=NotSaved()) for layer in self.layers))

    @property
    def options(self) -> dict[str, tuple[Any, bool]]:
        """All parameters but the layers by name: the value, and whether it differs from the default."""
        default = configure(self.layers, self.loss)
        short = losses.short(self.loss)
        loss = {"loss": (short, short != DEFAULT_LOSS)}
        values = {name: (getattr(self, name), getattr(default, name)) for name in _OPTIONS}
        return loss | {name: (value, value != usual) for name, (value, usual) in values.items()}

    def __str__(self) -> str:
        changed = {
            name: value for name, (value, changed) in self.options.items() if changed or name == "loss"
        }
        options = "".join(f", {name}={value!r}" for name, value in changed.items())
        return f"{list(self.layers)!r}{options}"


def configure(
    layers_: Sequence[Dense],
    loss: Loss | str,
    optimizer: Optimizer | str = "adam",
    l1: float = 0.0,
    l2: float = 0.0,
    input_scale: float = 1.0,
    dtype: str = "float32",
    seed: int | None = None,
    standardize: bool | str = False,
    scale_targets: bool = False,
    categorical_features: Features | None = None,
    min_frequency: float | None = None,
    input_dropout: float = 0.0,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    ema: float | None = None,
    embeddings: Any = None,
) -> Configuration:
    """Check the parameters of a Network and return them as a configuration."""
    checked = layers.check_layers(layers_)
    configuration = Configuration(
        layers=checked,
        loss=losses.resolve(loss, checked[-1].units),
        optimizer=optimizers.resolve(optimizer),
        l1=checks.real("Network", "l1", l1, minimum=0),
        l2=checks.real("Network", "l2", l2, minimum=0),
        input_scale=checks.real("Network", "input_scale", input_scale, above=0),
        dtype=checks.choice("Network", "dtype", dtype, DTYPES),
        seed=checks.optional_integer("Network", "seed", seed, minimum=0),
        standardize=_standardize(standardize),
        scale_targets=checks.flag("Network", "scale_targets", scale_targets),
        categorical_features=_categorical(categorical_features, min_frequency),
        min_frequency=min_frequency,
        input_dropout=checks.real("Network", "input_dropout", input_dropout, minimum=0, below=1),
        clip_norm=_optional(clip_norm, "clip_norm"),
        clip_value=_optional(clip_value, "clip_value"),
        ema=_optional(ema, "ema", below=1),
        embeddings=_embeddings(embeddings, categorical_features),
    )
    if configuration.scale_targets and configuration.loss.link != "identity":
        raise ValueError(
            f"scale_targets is for losses of values without a link; {configuration.loss.name} has the link"
            f" {configuration.loss.link!r}."
        )
    columns = configuration.loss.n_columns(configuration.n_outputs)
    if configuration.scale_targets and (configuration.loss.classifies or columns != configuration.n_outputs):
        raise ValueError(
            "scale_targets is for losses of values with one output for each column of y;"
            f" {configuration.loss.name} is not one."
        )
    layers.layer_activations(checked, configuration.loss.link)  # refuses a last layer at odds with the loss
    return configuration


def _optional(value: object, name: str, **bounds: float) -> float | None:
    return None if value is None else checks.real("Network", name, value, above=0, **bounds)


def _categorical(features: Features | None, min_frequency: object) -> tuple[int | str, ...] | str | None:
    """Return categorical_features, checked like `min_frequency`."""
    if features is None and min_frequency is None:
        return None
    if features is None:
        raise ValueError("min_frequency is given; categorical_features is not.")
    from ..preprocessing import tabular  # few networks encode tables

    tabular.frequency(min_frequency)
    return tabular.categorical(features)


def _embeddings(wanted: Any, features: Features | None) -> Wanted:
    """Return embeddings, checked; they are for categorical features."""
    if wanted is None:
        return None
    if features is None:
        raise ValueError("embeddings is given; categorical_features is not.")
    from . import embeddings  # few networks have any

    return embeddings.check(wanted)


def _standardize(value: object) -> bool | str:
    method = checks.flag_or_choice("Network", "standardize", value, SCALINGS)
    return True if method == "standard" else method


def to_config(configuration: Configuration) -> dict[str, Any]:
    """Return `configuration` as JSON can hold it; of `_LATER` only what is asked for."""
    names = [
        name for name in _FIELDS if name not in _LATER or getattr(configuration, name) not in (None, False)
    ]
    return {name: getattr(configuration, name) for name in names} | {
        "layers": [layers.to_config(layer) for layer in configuration.layers],
        "loss": losses.to_config(configuration.loss),
        "optimizer": optimizers.to_config(configuration.optimizer),
    }


def from_config(config: object) -> Configuration:
    """Return the configuration of what :func:`to_config` made."""
    asked = {name for name in _LATER if isinstance(config, dict) and config.get(name) not in (None, False)}
    names = tuple(name for name in _FIELDS if name not in _LATER or name in asked)
    fields: dict[str, Any] = checks.fields("network", config, names)
    if not isinstance(fields["layers"], list):
        raise ValueError("layers must be a JSON array.")
    fields["layers_"] = [layers.from_config(layer) for layer in fields.pop("layers")]
    fields["loss"] = losses.from_config(fields["loss"])
    fields["optimizer"] = optimizers.from_config(fields["optimizer"])
    return configure(**fields)
