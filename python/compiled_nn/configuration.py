"""What a network was asked to be: its parameters, checked once, and their form in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import checks, layers, losses, optimizers
from .initializers import NotSaved
from .layers import Dense
from .losses import Loss
from .optimizers import Optimizer

DEFAULT_LOSS = "softmax_cross_entropy"
DTYPES = ("float32", "float64")
_OPTIONS = ("optimizer", "l1", "l2", "input_scale", "dtype", "seed", "standardize")
_FIELDS = ("layers", "loss", *_OPTIONS)


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
    standardize: bool

    @property
    def n_outputs(self) -> int:
        """Units of the last layer."""
        return self.layers[-1].units

    @property
    def activations(self) -> list[str]:
        """Activation of every layer, the last one being the link of the loss."""
        return layers.layer_activations(self.layers, self.loss.link)

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
    standardize: bool = False,
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
        standardize=checks.flag("Network", "standardize", standardize),
    )
    layers.layer_activations(checked, configuration.loss.link)  # refuses a last layer at odds with the loss
    return configuration


def to_config(configuration: Configuration) -> dict[str, Any]:
    """Return `configuration` as JSON can hold it; "standardize" only where it is true."""
    names = [name for name in _FIELDS if name != "standardize" or configuration.standardize]
    return {name: getattr(configuration, name) for name in names} | {
        "layers": [layers.to_config(layer) for layer in configuration.layers],
        "loss": losses.to_config(configuration.loss),
        "optimizer": optimizers.to_config(configuration.optimizer),
    }


def from_config(config: object) -> Configuration:
    """Return the configuration of what :func:`to_config` made."""
    standardizes = isinstance(config, dict) and config.get("standardize") is True
    names = _FIELDS if standardizes else tuple(name for name in _FIELDS if name != "standardize")
    fields: dict[str, Any] = checks.fields("network", config, names)
    if not isinstance(fields["layers"], list):
        raise ValueError("layers must be a JSON array.")
    fields["layers_"] = [layers.from_config(layer) for layer in fields.pop("layers")]
    fields["loss"] = losses.from_config(fields["loss"])
    fields["optimizer"] = optimizers.from_config(fields["optimizer"])
    return configure(**fields)
