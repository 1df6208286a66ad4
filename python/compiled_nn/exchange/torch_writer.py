"""Conversion of a model to a Sequential of PyTorch that takes the rows of X as predict does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.arrays import Array
from . import verification
from .description import EPSILON, LIMIT, Chain, DenseLayer, Description
from .torch_reader import load_torch, run

if TYPE_CHECKING:
    from ..artefact.predictor import Predictor

_ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("ReLU", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "leaky_relu": ("LeakyReLU", {}),
    "elu": ("ELU", {}),
    "selu": ("SELU", {}),
    "gelu": ("GELU", {}),
    "gelu_tanh": ("GELU", {"approximate": "tanh"}),
    "silu": ("SiLU", {}),
    "mish": ("Mish", {}),
    "softplus": ("Softplus", {"threshold": 40}),  # above it, both formulas give z in float64 too
    "softsign": ("Softsign", {}),
    "hard_sigmoid": ("Hardsigmoid", {}),
    "hard_swish": ("Hardswish", {}),
    "hard_tanh": ("Hardtanh", {}),
    "relu6": ("ReLU6", {}),
    "softmax": ("Softmax", {"dim": 1}),
}


def to_torch(description: Description, predictor: Predictor, *, logits: bool = False) -> Any:
    """Return the model as a ``torch.nn.Sequential``; documented at ``Network.to_torch``."""
    torch = load_torch("to_torch")
    check(description, logits)
    modules = _Modules(torch, description)
    module = modules.sequence(logits)
    probe = verification.probe_rows(description, predictor)
    ours = verification.answers(description, predictor, probe.X)
    theirs = answers_of(description, run(modules.sequence(False) if logits else module, probe.X))
    verified = verification.check(
        ours, theirs, description.dtype, f"PyTorch {torch.__version__}", what="PyTorch module"
    )
    module.conversion = {"from": "compiled_nn", **verified.to_config()}
    return module


def check(description: Description, logits: bool) -> None:
    """Raise ValueError for what a module of tensors cannot take or return."""
    if description.columns is not None:
        raise ValueError(
            "The model takes a table with categories, missing values or dates, but tensors hold numbers only. Pass"
            " encoded=True for a module that takes the rows of encoder_.transform(X), the encoder of the network."
        )
    if description.is_certain:
        raise ValueError(
            "y had one class only, which every row has with the probability 1: there is nothing to convert."
        )
    if logits and (description.classes is None or description.loss.ordered):
        raise ValueError(
            f"logits=True is for probabilities of a softmax or a sigmoid; the loss is {description.loss.name}. Leave it"
            " out."
        )


class _Modules:
    """Modules of a description."""

    def __init__(self, torch: Any, description: Description) -> None:
        from . import torch_modules  # imported here, because it needs PyTorch

        self._nn, self._torch, self._own, self._d = torch.nn, torch, torch_modules, description

    def sequence(self, logits: bool) -> Any:
        """Return all modules as one, in evaluation mode."""
        d, modules = self._d, []
        if d.shape is not None:
            modules.append(self._nn.Flatten())
        is_common = len(d.networks) == 1 or d.n_clipped > 0 or d.bins is not None
        if is_common:
            modules += [*self._scaling(d.networks[0]), *self._encoding()]
        if len(d.networks) == 1:
            modules += self._network(d.networks[0].layers, logits)
        else:
            form = "gaussian" if d.loss.name == "gaussian_nll" else "linear"
            parts = [
                [*([] if is_common else self._scaling(each)), *self._network(each.layers, False)]
                for each in d.networks
            ]
            means = [self._nn.Sequential(*part) for part in parts]
            modules.append(self._own.Mean(means, d.weights, form))
            if d.temperature != 1 or logits:
                modules.append(self._own.Temper(d.temperature, d.link, logits))
        if d.factor is not None and d.shift is not None:
            modules.append(self._own.Affine(self._tensor(d.factor), self._tensor(d.shift)))
        return self._nn.Sequential(*modules).eval()

    def _tensor(self, numbers: Any) -> Any:
        return self._torch.tensor(np.asarray(numbers, self._d.dtype))

    def _scaling(self, chain: Chain) -> list[Any]:
        """Return the module that scales the columns for a network, if they are scaled."""
        if chain.mean is not None and chain.deviation is not None:
            return [self._own.Standardize(chain.mean, chain.deviation, self._d.dtype)]
        if self._d.scale != 1:
            return [self._own.Affine(self._tensor(self._d.scale), self._tensor(0.0))]
        return []

    def _encoding(self) -> list[Any]:
        """Return the module that clips the columns and computes their positions in bins, if there is any of it."""
        d, bins = self._d, None
        if d.bins is not None:
            numbers = (d.bins.lower, d.bins.factor, d.bins.low, d.bins.high)
            bins = [self._torch.tensor(d.bins.sources), *map(self._tensor, numbers)]
        return [self._own.Encode(d.n_clipped, LIMIT, bins)] if d.n_clipped or bins is not None else []

    def _network(self, layers: tuple[DenseLayer, ...], logits: bool) -> list[Any]:
        """Return the modules of one network; with `logits`, without its link."""
        *hidden, last = layers
        modules: list[Any] = []
        for layer in hidden:
            found = [*self._dense(layer), *self._activation(layer.activation)]
            modules += [self._own.Residual(*found)] if layer.residual else found
        modules += self._dense(last)
        if self._d.loss.ordered:
            return [*modules, self._own.Ordinal()]
        if not logits:
            modules += self._activation(last.activation)
        return [*modules, self._own.Sorted()] if self._d.loss.name == "quantile" else modules

    def _dense(self, layer: DenseLayer) -> list[Any]:
        """Return the product, the norm and the bias of a layer."""
        k, n = layer.weight.shape
        bias = None if layer.bias is None else self._tensor(layer.bias)
        linear = self._nn.Linear(k, n, bias=bias is not None and layer.norm is None, dtype=self._dtype)
        parts = [(linear.weight, self._tensor(layer.weight.T))]
        modules = [linear]
        if layer.norm is None:
            parts.append((linear.bias, bias))
        else:
            kind = self._nn.LayerNorm if layer.norm == "layer" else self._nn.RMSNorm
            norm = kind(n, eps=EPSILON, dtype=self._dtype)
            modules.append(norm)
            parts.append((norm.weight, None if layer.gain is None else self._tensor(layer.gain)))
            if layer.norm == "layer":
                parts.append((norm.bias, bias))
            elif bias is not None:
                modules.append(self._own.Affine(self._tensor(1.0), bias))
        with self._torch.no_grad():
            for parameter, values in parts:
                if values is not None:
                    parameter.copy_(values)
        return modules

    @property
    def _dtype(self) -> Any:
        return getattr(self._torch, self._d.dtype)

    def _activation(self, name: str) -> list[Any]:
        if name == "identity":
            return []
        if name not in _ACTIVATIONS:
            return [self._own.Activation(name)]
        kind, options = _ACTIVATIONS[name]
        return [getattr(self._nn, kind)(**options)]


def answers_of(description: Description, outputs: Array) -> dict[str, Array]:
    """Return the answers that follow from the outputs of the module."""
    d = description
    if d.classes is None:
        loss = d.loss
        found = {"values": outputs if loss.name == "quantile" else loss.values(outputs)}
        deviations = loss.deviations(outputs)
        return found if deviations is None else found | {"deviations": deviations}
    probabilities = outputs
    if outputs.shape[1] == 1 and not d.loss.ordered:
        probabilities = np.concatenate([1 - outputs, outputs], axis=1)
    if d.kind == "indicator":
        return {"label": (outputs >= 0.5).astype(np.int64), "probabilities": outputs}
    if d.loss.ordered:
        indices = (1 - np.cumsum(probabilities, axis=1)[:, :-1] >= 0.5).sum(axis=1)
    else:
        indices = d.loss.class_indices(outputs)
    if d.is_certain:
        return {"label": d.classes[indices], "probabilities": np.ones_like(probabilities[:, :1])}
    return {"label": d.classes[indices], "probabilities": probabilities}
