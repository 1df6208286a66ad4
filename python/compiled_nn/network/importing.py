"""Networks made from those of other libraries: the functions ``from_...`` except from_sklearn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import losses
from ..common import arithmetic
from ..common.errors import count
from ..data import arrays, class_labels
from ..data.arrays import Array
from ..exchange.comparison import compared
from ..spec.layers import Dense
from ..training.targets import Targets, default_targets
from .network import Network

if TYPE_CHECKING:
    from ..exchange.assembly import PlainLayer, PlainNetwork
    from ..losses import Loss, LossName
    from ..spec.configuration import DType
    from ..training.weights import LayerState

_LOSSES: dict[str, LossName] = {  # of the last activations that are links
    "softmax": "softmax_cross_entropy",
    "log_softmax": "softmax_cross_entropy",
    "sigmoid": "binary_cross_entropy",
    "exp": "poisson",
}


@dataclass(frozen=True, eq=False)
class Meaning:
    """Meaning of the inputs and outputs, as far as the other side or the user states it.

    Attributes
    ----------
    loss : Loss or str, optional
        Loss. Default: the one that belongs to the last activation.
    classes : array-like, optional
        Labels in the order of the outputs. Default: 0, 1, ...
    names : tuple of str, optional
        Names of the columns of X.
    """

    loss: Loss | LossName | None = None
    classes: Any = None
    names: tuple[str, ...] | None = None


def network_of(
    plain: PlainNetwork,
    meaning: Meaning,
    dtype: DType,
    outputs: Callable[[Array], Array],
    source: str,
    against: str,
    bound: float | None = None,
) -> Network:
    """Return the network that predicts as another one, after both have predicted probe rows.

    Parameters
    ----------
    plain : PlainNetwork
        Layers of the other network.
    meaning : Meaning
        Meaning of its inputs and outputs.
    dtype : {"float32", "float64"}
        Dtype of the network.
    outputs : callable
        Function of rows X (m, k) that returns the outputs (m, n) of the other network.
    source : str
        Name of the class or the format of the other network.
    against : str
        Library that computes `outputs`, with its version.
    bound : float, optional
        Largest difference, relative to the largest output. Default: that of `dtype`.

    Raises
    ------
    TypeError, ValueError
        If the layers and the meaning contradict each other.
    ArithmeticError
        If the predictions differ.
    """
    classes, loss, order = _classes_and_loss(plain, meaning)
    last = plain.link or plain.layers[-1].activation
    link = "softmax" if last == "log_softmax" else last
    _put_in_order(plain, order)
    net = Network(
        [_dense(layer, None if i else link) for i, layer in _counted_down(plain.layers)],
        loss=loss,
        dtype=dtype,
        input_scale=plain.input_scale,
        standardize=plain.statistics is not None,
        input_dropout=plain.input_dropout,
    )
    net.set_weights([_state(layer, dtype) for layer in plain.layers])
    net._outputs = net._outputs.replace(learned=_targets(loss, classes, plain.n_outputs, dtype))
    if plain.statistics is not None:
        net._known_inputs().set_in(net._fitted(), plain.statistics)
    if meaning.names is not None:
        net._inputs = net._known_inputs().replace(names=meaning.names)
    net._discard_predictor()
    answers = _Answers(outputs, net._outputs.targets, order, plain)
    net.metadata = compared(*net._described_predictor(), answers, source, against, bound)
    return net


# ---- the meaning of the outputs


def _classes_and_loss(plain: PlainNetwork, meaning: Meaning) -> tuple[Array | None, Loss, list[int] | None]:
    """Return the sorted labels, the loss, and the order of the outputs that belongs to the labels; None: unchanged."""
    given = meaning.classes
    labels = None if given is None else class_labels.read(arrays.targets(given), "classes")
    classes = None if labels is None else class_labels.distinct(labels)
    if labels is not None and classes is not None and len(classes) != len(labels):
        raise ValueError(
            f"classes has {len(labels)} labels, {len(classes)} of them distinct. Each is for one class."
        )
    loss = meaning.loss
    last, n = plain.link or plain.layers[-1].activation, plain.n_outputs
    if loss is None and classes is not None and last == "identity":
        loss = "binary_cross_entropy" if n == 1 else "softmax_cross_entropy"
    elif loss is None:
        loss = _LOSSES.get(last, "mse")
    resolved = losses.resolve(loss, n)
    if labels is None or classes is None:
        return None, resolved, None
    if not resolved.classifies:
        raise ValueError(
            f"classes are given, but the outputs are values: the last activation is {last!r}, and the loss is"
            f" {resolved.name}. Pass loss='softmax_cross_entropy' or 'binary_cross_entropy', or leave classes out."
        )
    expected = resolved.n_classes(n)
    if len(classes) != expected:
        raise ValueError(
            f"classes has {count(len(classes), 'label')}; the network has {count(n, 'output')} for"
            f" {expected} classes."
        )
    order = np.argsort(labels, kind="stable").tolist()
    if order == list(range(len(order))):
        return classes, resolved, None
    if resolved.ordered:
        raise ValueError(
            "classes must be sorted for the loss ordinal, whose classes have the order of their labels."
        )
    return classes, resolved, order


def _put_in_order(plain: PlainNetwork, order: list[int] | None) -> None:
    """Put the outputs in the order of the sorted labels; with one output for two classes, exchange the classes."""
    if order is None:
        return
    layer = plain.layers[-1]
    if plain.n_outputs == 1:
        layer.weight, layer.bias = -layer.weight, None if layer.bias is None else -layer.bias
    else:
        layer.weight = layer.weight[:, order]
        layer.bias = None if layer.bias is None else layer.bias[order]


def _targets(loss: Loss, classes: Array | None, n_outputs: int, dtype: str) -> Targets:
    """Return the encoding of y."""
    if classes is not None:
        return Targets(loss, n_outputs, "classes", classes)
    if loss.link == "sigmoid" and loss.classifies and not loss.ordered and n_outputs > 1:
        return Targets(loss, n_outputs, "indicator", np.arange(n_outputs))
    targets = default_targets(loss, n_outputs)
    return targets if loss.classifies else targets.replace(dtype=dtype)


@dataclass(frozen=True, eq=False)
class _Answers:
    """Answers of the other network, in the form of ``verification.answers``.

    Attributes
    ----------
    outputs : callable
        Function of X that returns its outputs.
    targets : Targets
        Encoding of y.
    order : list of int or None
        Order of the outputs that belongs to the labels.
    plain : PlainNetwork
        Layers of the network.
    """

    outputs: Callable[[Array], Array]
    targets: Targets
    order: list[int] | None
    plain: PlainNetwork

    def __call__(self, X: Array) -> dict[str, Array]:
        loss, last = self.targets.loss, self.plain.link or self.plain.layers[-1].activation
        linked = np.asarray(self.outputs(X))
        linked = linked.reshape(len(X), -1).astype(np.float64)
        if linked.shape[1] != self.plain.n_outputs:
            raise ValueError(
                f"The network that is imported has {linked.shape[1]} outputs; expected {self.plain.n_outputs}."
            )
        if self.order is not None and linked.shape[1] > 1:
            linked = linked[:, self.order]
        if last == "log_softmax":
            linked = arithmetic.activate("exp", linked)
        elif last == "identity" and loss.link != "identity":
            linked = arithmetic.activate(
                loss.link, -linked if self.order is not None and linked.shape[1] == 1 else linked
            )
        elif self.order is not None and linked.shape[1] == 1:
            linked = 1 - linked
        if not loss.classifies:
            deviations = loss.deviations(linked)
            return {"values": loss.values(linked)} | (
                {} if deviations is None else {"deviations": deviations}
            )
        probabilities = loss.probabilities(linked)
        if probabilities.shape[1] == 1:
            probabilities = np.concatenate([1 - probabilities, probabilities], axis=1)
        return {"label": self.targets.decode(linked), "probabilities": probabilities}


# ---- layers


def _counted_down(layers: Sequence[PlainLayer]) -> list[tuple[int, PlainLayer]]:
    """Return the layers, each with the number of layers after it."""
    return list(zip(reversed(range(len(layers))), layers, strict=True))


def _dense(layer: PlainLayer, link: str | None) -> Dense:
    """Return the layer of the specification; `link` is the activation of the last layer."""
    activation: Any = layer.activation if link is None else None if link == "identity" else link
    return Dense(
        layer.weight.shape[1],
        activation,
        bias=layer.bias is not None,
        norm=layer.norm,
        residual=layer.residual,
        dropout=layer.dropout,
    )


def _state(layer: PlainLayer, dtype: str) -> LayerState:
    with np.errstate(over="ignore", invalid="ignore"):
        state: LayerState = {"weight": layer.weight.astype(dtype)}
        if layer.bias is not None:
            state["bias"] = layer.bias.astype(dtype)
        norm = {"gain": layer.gain, "mean": layer.mean, "variance": layer.variance}
        if layer.norm is not None:
            state["norm"] = {name: each.astype(dtype) for name, each in norm.items() if each is not None}
    return state
