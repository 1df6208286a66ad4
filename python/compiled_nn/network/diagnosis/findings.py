"""Findings of a diagnosis, and the words and parameters in which their remedies are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from ...spec.configuration import Configuration

# Function from a change (parameters by the names of this package) to the arguments of a constructor and of fit.
Translation: TypeAlias = "Callable[[Mapping[str, Any]], dict[str, Any]]"
# Parameters of a change that are attributes of the hidden layers of a network.
LAYER_PARAMETERS = ("activation", "norm", "dropout", "init")
OPTIMIZER_PARAMETERS = (
    "learning_rate",
    "weight_decay",
)  # parameters of a change that are attributes of the optimizer


@dataclass(frozen=True)
class Finding:
    """Problem that prevents a model from learning.

    Attributes
    ----------
    name : str
        Kind of the problem; they are listed at :meth:`compiled_nn.Network.diagnose`.
    layer : int or None
        Index of the layer, from 0; None for the network as a whole.
    numbers : dict of str to float
        Measured values.
    text : str
        Description with the measured values.
    remedy : str
        Change to try first.
    change : dict
        The remedy as arguments: of ``Network(...)`` or of ``fit`` ("epochs", "batch_size", "class_weight",
        "time_limit"); for an estimator of ``set_params``. Empty if the remedy is not a parameter.
    rows : tuple of int
        Indices of the rows that the finding is about, if it is about rows.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], seed=0)
    >>> finding = net.fit(data.X_train, data.y_train, epochs=1).diagnose(data.X_train, data.y_train)[0]
    >>> finding.name, finding.remedy, finding.change
    ('unscaled_input', 'standardize=True', {'standardize': True})
    """

    name: str
    layer: int | None
    numbers: dict[str, float]
    text: str
    remedy: str
    change: dict[str, Any] = field(default_factory=dict)
    rows: tuple[int, ...] = field(default=(), repr=False)


class Diagnosis(tuple[Finding, ...]):
    """Tuple of findings, in order from the input to the output, that prints as a table; empty if there are none.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], seed=0).fit(data.X_train, data.y_train, epochs=1)
    >>> net.diagnose(data.X_train, data.y_train)
    unscaled_input  network  the first layer takes numbers from 0 to 16; 18 of 64 columns are far from 1
                             -> standardize=True
    """

    __slots__ = ()

    def __str__(self) -> str:
        if not self:
            return "nothing found"
        where = ["network" if finding.layer is None else f"layer {finding.layer}" for finding in self]
        names = max(len(finding.name) for finding in self)
        places = max(map(len, where))
        lines = []
        for finding, place in zip(self, where, strict=True):
            lines.append(f"{finding.name:<{names}}  {place:<{places}}  {finding.text}")
            lines.append(f"{'':<{names}}  {'':<{places}}  -> {finding.remedy}")
        return "\n".join(lines)

    __repr__ = __str__


def network_translation(configuration: Configuration) -> Translation:
    """Return the translation of changes for a network."""

    def translate(change: Mapping[str, Any]) -> dict[str, Any]:
        arguments = dict(change)
        of_optimizer = {name: arguments.pop(name) for name in OPTIMIZER_PARAMETERS if name in arguments}
        if of_optimizer:
            arguments["optimizer"] = replace(configuration.optimizer, **of_optimizer)
        of_layers = {name: arguments.pop(name) for name in LAYER_PARAMETERS if name in arguments}
        if of_layers or "trainable" in arguments:
            arguments["layers"] = list(changed_layers(configuration, {**change}))
            arguments.pop("trainable", None)
        return arguments

    return translate


def changed_layers(configuration: Configuration, change: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the layers with the parameters of a change; only `init` and `trainable` concern the last layer too."""
    if "layers" in change:
        return tuple(change["layers"])
    layers = configuration.layers
    both: dict[str, Any] = {"init": change["init"]} if "init" in change else {}
    if change.get("trainable"):
        both |= {"trainable": True, "rate": 1.0}
    hidden = {name: change[name] for name in LAYER_PARAMETERS[:-1] if name in change}
    return (*(replace(layer, **hidden, **both) for layer in layers[:-1]), replace(layers[-1], **both))


def in_words(change: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """Return a change as text; `arguments` is its translation to the arguments of the model."""
    return ", ".join(_word(name, value, arguments) for name, value in change.items())


_ESTIMATOR_NAMES = {"l2": "alpha", "epochs": "max_iter", "seed": "random_state"}


def _word(name: str, value: Any, arguments: Mapping[str, Any]) -> str:
    renamed = _ESTIMATOR_NAMES.get(name, name)
    if renamed in arguments and renamed != name:
        name, value = renamed, arguments[renamed]
    if name == "learning_rate":
        if "learning_rate_init" in arguments:
            return f"learning_rate_init={value:.2g}"
        return f"a learning rate of {value:.2g}"
    if name == "loss":
        return "label_smoothing=0.0"
    if name == "layers":
        hidden = [str(layer.units) for layer in value[:-1]]
        if not hidden:
            return "no hidden layer"
        return f"hidden layers of {' and '.join(hidden)} {value[0].activation} units"
    if name == "optimizer":
        return f"optimizer={type(value).__name__}({value.learning_rate:g})"
    if name == "trainable":
        return "trainable=True and rate=1.0 in the layers"
    if name in ("seed", "random_state"):
        return f"another seed, such as {name}={value}"
    if name == "init":
        return "init left out, for the default of the activation"
    if name in LAYER_PARAMETERS and name not in arguments:
        return f"{name}={value!r} in the hidden layers"
    return f"{name}={value!r}"
