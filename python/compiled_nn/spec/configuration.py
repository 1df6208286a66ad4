"""What a network is specified to be: its parameters, checked once, and their form in a file.

The fields of :class:`Configuration` are the one declaration of the parameters of ``Network``: their defaults, checks,
order in files and in the repr follow from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from .. import losses, optimizers
from ..common import checks
from . import layers
from .activations import Activation
from .initializers import NotSaved
from .layers import Dense

if TYPE_CHECKING:
    from ..losses import Loss
    from ..optimizers.classes import Optimizer
    from ..preprocessing.tabular import Tabular
    from .embeddings import Wanted

DEFAULT_LOSS: Literal["softmax_cross_entropy"] = "softmax_cross_entropy"
DType: TypeAlias = Literal["float32", "float64"]
DTYPES: tuple[DType, ...] = ("float32", "float64")
Scaling: TypeAlias = Literal["standard", "robust", "minmax"]
SCALINGS: tuple[Scaling, ...] = ("standard", "robust", "minmax")
_STEPS = ("clip_norm", "clip_value", "ema")


def _by(check: Callable[[str, Any], Any], *, optional: bool = False) -> dict[str, Any]:
    """Return the metadata of a parameter: what checks it, by name and value, and whether a file may leave it out."""
    return {"check": check, "optional": optional}


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
    from ..preprocessing import tabular  # imported here to keep `import compiled_nn` fast

    return tabular.categorical(value)


def _frequency(name: str, value: Any) -> float | None:
    if value is None:
        return None
    from ..preprocessing import tabular  # imported here to keep `import compiled_nn` fast

    return tabular.frequency(value)


def _embeddings(name: str, value: Any) -> Wanted:
    if value is None:
        return None
    from . import embeddings  # imported here to keep `import compiled_nn` fast

    return embeddings.check(value)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The parameters of a Network, checked; documented there.

    `n_threads` is not part of the model, so it is not stored. :func:`configure` makes a configuration of what a user
    gives.
    """

    layers: tuple[Dense, ...]
    loss: Loss
    optimizer: Optimizer = field(
        default=cast("Optimizer", "adam"), metadata=_by(lambda name, value: optimizers.resolve(value))
    )
    l1: float = field(default=0.0, metadata=_by(partial(_real, minimum=0)))
    l2: float = field(default=0.0, metadata=_by(partial(_real, minimum=0)))
    input_scale: float = field(default=1.0, metadata=_by(partial(_real, above=0)))
    dtype: DType = field(
        default="float32", metadata=_by(lambda name, value: checks.choice("Network", name, value, DTYPES))
    )
    seed: int | None = field(
        default=None,
        metadata=_by(lambda name, value: checks.optional_integer("Network", name, value, minimum=0)),
    )
    standardize: bool | Scaling = field(default=False, metadata=_by(_standardize, optional=True))
    scale_targets: bool = field(default=False, metadata=_by(partial(checks.flag, "Network"), optional=True))
    categorical_features: tuple[int | str, ...] | Literal["auto"] | None = field(
        default=None, metadata=_by(_categorical, optional=True)
    )
    min_frequency: float | None = field(default=None, metadata=_by(_frequency, optional=True))
    input_dropout: float = field(default=0.0, metadata=_by(partial(_real, minimum=0, below=1), optional=True))
    embeddings: Wanted = field(default=None, metadata=_by(_embeddings, optional=True))
    clip_norm: float | None = field(default=None, metadata=_by(_positive, optional=True))
    clip_value: float | None = field(default=None, metadata=_by(_positive, optional=True))
    ema: float | None = field(default=None, metadata=_by(partial(_positive, below=1), optional=True))

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
    def scale(self) -> float:
        """Factor of every number of X: `input_scale` has no effect with `standardize`."""
        return 1.0 if self.standardize else self.input_scale

    @property
    def scaling(self) -> Scaling | None:
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

    def new_encoder(self) -> Tabular:
        """Return an encoder for tables, which has not learned any columns yet."""
        from ..preprocessing.tabular import Tabular  # imported here to keep `import compiled_nn` fast

        features = self.categorical_features
        return Tabular("auto" if features is None else features, self.min_frequency)

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
        values = {name: (getattr(self, name), getattr(default, name)) for name in _PARAMETERS}
        return loss | {name: (value, value != usual) for name, (value, usual) in values.items()}

    def __str__(self) -> str:
        changed = {
            name: value for name, (value, changed) in self.options.items() if changed or name == "loss"
        }
        options = "".join(f", {name}={value!r}" for name, value in changed.items())
        return f"{list(self.layers)!r}{options}"


_PARAMETERS = {each.name: each for each in fields(Configuration) if "check" in each.metadata}
_OPTIONAL = [name for name, each in _PARAMETERS.items() if each.metadata["optional"]]
_NAMES = ("layers", "loss", *_PARAMETERS)


def configure(layers_: Sequence[Dense], loss: Loss | str = DEFAULT_LOSS, **parameters: Any) -> Configuration:
    """Check parameters of a Network, defaults for those that are not given, and return them as a configuration."""
    checked = layers.check_layers(layers_)
    unknown = parameters.keys() - _PARAMETERS.keys()
    if unknown:
        raise TypeError(f"Network has no parameter {min(unknown)!r}.")
    for name in ("min_frequency", "embeddings"):
        if parameters.get(name) is not None and parameters.get("categorical_features") is None:
            raise ValueError(f"{name} is given; categorical_features is not.")
    configuration = Configuration(
        layers=checked,
        loss=losses.resolve(loss, checked[-1].units),
        **{
            name: each.metadata["check"](name, parameters.get(name, each.default))
            for name, each in _PARAMETERS.items()
        },
    )
    if configuration.scale_targets:
        _check_scaled_targets(configuration)
    layers.layer_activations(checked, configuration.loss.link)  # refuses a last layer at odds with the loss
    return configuration


def _check_scaled_targets(configuration: Configuration) -> None:
    """Refuse losses whose targets cannot be scaled."""
    loss = configuration.loss
    if loss.link != "identity":
        raise ValueError(
            f"scale_targets is for losses of values without a link; {loss.name} has the link {loss.link!r}."
        )
    if loss.classifies or loss.n_columns(configuration.n_outputs) != configuration.n_outputs:
        raise ValueError(
            f"scale_targets is for losses of values with one output for each column of y; {loss.name} is not one."
        )


def to_config(configuration: Configuration) -> dict[str, Any]:
    """Return `configuration` as JSON can hold it; optional parameters only where they are asked for."""
    names = [
        name for name in _NAMES if name not in _OPTIONAL or getattr(configuration, name) not in (None, False)
    ]
    return {name: getattr(configuration, name) for name in names} | {
        "layers": [layers.to_config(layer) for layer in configuration.layers],
        "loss": losses.to_config(configuration.loss),
        "optimizer": optimizers.to_config(configuration.optimizer),
    }


def from_config(config: object) -> Configuration:
    """Return the configuration of what :func:`to_config` made."""
    asked = {name for name in _OPTIONAL if isinstance(config, dict) and config.get(name) not in (None, False)}
    names = tuple(name for name in _NAMES if name not in _OPTIONAL or name in asked)
    given: dict[str, Any] = checks.fields("network", config, names)
    if not isinstance(given["layers"], list):
        raise ValueError("layers must be a JSON array.")
    given["layers_"] = [layers.from_config(layer) for layer in given.pop("layers")]
    given["loss"] = losses.from_config(given["loss"])
    given["optimizer"] = optimizers.from_config(given["optimizer"])
    return configure(**given)
