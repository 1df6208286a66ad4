"""Conversion of a model to a functional model of Keras that takes the rows of X as predict does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import verification
from .description import EPSILON, Chain, DenseLayer, Description
from .keras_reader import computed_dtype, load_keras, run
from .torch_writer import answers_of, check

if TYPE_CHECKING:
    from ..artefact.predictor import Predictor

_NAMES = {"exp": "exponential", "hard_swish": "hard_silu"}
_FOREIGN = ("gelu_tanh", "sine")  # activations that a file of Keras cannot hold
_ROUNDED_ROWS = 100  # times the bound, for rows of float64 that Keras rounds to float32
_LARGEST_ERROR = 1e-6  # that a mean of float32 may add to a standardised column


def to_keras(description: Description, predictor: Predictor, *, logits: bool = False) -> Any:
    """Return the model as a ``keras.Model``; documented at ``Network.to_keras``."""
    keras = load_keras("to_keras")
    check(description, logits)
    exact, dtype = verification.probe_rows(description, predictor), computed_dtype(keras, description.dtype)
    narrowed = dtype != description.dtype
    description = replace(description, dtype=dtype)
    _check_parts(description)
    writer = _Writer(keras, description)
    model = writer.model(logits)
    against = f"Keras {keras.__version__} with {keras.backend.backend()}"
    bound, full = verification.BOUNDS[description.dtype], writer.model(False) if logits else model

    def verified(rows: Any, bound: float, what: str) -> dict[str, Any]:
        ours = verification.answers(description, predictor, rows)
        theirs = answers_of(description, run(keras, full, rows))
        found = verification.check(ours, theirs, description.dtype, against, bound=bound, what=what)
        return {"from": "compiled_nn", **found.to_config(), "bound": bound}

    if narrowed:  # numbers of X, which Keras rounds
        what = "model of Keras, which computes in float32 from rows of float64"
        verified(exact.X, _ROUNDED_ROWS * bound, what)
    model.conversion = verified(verification.probe_rows(description, predictor).X, bound, "model of Keras")
    return model


def _check_parts(description: Description) -> None:
    """Raise ValueError for a part that no layer of Keras computes."""
    d = description
    names = {layer.activation for chain in d.networks for layer in chain.layers}
    foreign = [name for name in _FOREIGN if name in names]
    several = len(d.networks) > 1
    found = [
        (d.n_clipped > 0, "the clip of the columns"),
        (d.bins is not None, "numeric_embeddings"),
        (bool(foreign), f"the activation {foreign[0]!r}" if foreign else ""),
        (d.loss.ordered, f"the loss {d.loss.name!r}"),
        (several and d.loss.name == "gaussian_nll", "an ensemble with the loss 'gaussian_nll'"),
        (several and d.temperature != 1, "a calibrated ensemble"),
    ]
    for is_there, part in found:
        if is_there:
            raise ValueError(
                f"No layer of Keras computes {part}. Use to_torch or to_onnx, or train without it."
            )


class _Writer:
    """Layers of Keras for a description."""

    def __init__(self, keras: Any, description: Description) -> None:
        self._keras, self._layers, self._d = keras, keras.layers, description

    def model(self, logits: bool) -> Any:
        """Return a new model."""
        d, layers = self._d, self._layers
        start = self._keras.Input(d.shape or (d.n_columns,), dtype=d.dtype)
        x = layers.Flatten(dtype=d.dtype)(start) if d.shape is not None else start
        ends = [self._network(chain, x, logits and len(d.networks) == 1) for chain in d.networks]
        if len(ends) > 1:
            ends = [
                layers.Rescaling(weight, dtype=d.dtype)(end)
                for weight, end in zip(d.weights, ends, strict=True)
            ]
        y = layers.Add(dtype=d.dtype)(ends) if len(ends) > 1 else ends[0]
        if d.factor is not None and d.shift is not None:
            y = layers.Rescaling(d.factor.tolist(), d.shift.tolist(), dtype=d.dtype)(y)
        model = self._keras.Model(start, y)
        # Otherwise X is converted to the default dtype of Keras.
        model.dtype_policy = self._keras.DTypePolicy(d.dtype)
        return model

    def _network(self, chain: Chain, x: Any, logits: bool) -> Any:
        """Return the outputs of one network; with `logits`, without its link."""
        x = self._scaled(chain, x)
        for layer in chain.layers[:-1]:
            y = self._activated(layer.activation, self._dense(layer, x))
            x = self._layers.Add(dtype=self._d.dtype)([x, y]) if layer.residual else y
        y = self._dense(chain.layers[-1], x)
        y = y if logits else self._activated(chain.layers[-1].activation, y)
        return self._keras.ops.sort(y, axis=1) if self._d.loss.name == "quantile" else y

    def _scaled(self, chain: Chain, x: Any) -> Any:
        d = self._d
        if chain.mean is None or chain.deviation is None:
            return x if d.scale == 1 else self._layers.Rescaling(d.scale, dtype=d.dtype)(x)
        first = chain.mean.astype(d.dtype)
        rest = chain.mean - first
        if (abs(rest) > _LARGEST_ERROR * chain.deviation).any() or chain.layers[0].norm is not None:
            x = self._layers.Rescaling(1.0, (-first).tolist(), dtype=d.dtype)(x)
        else:
            rest = chain.mean
        scale = 1 / chain.deviation
        return self._layers.Rescaling(scale.tolist(), (-rest * scale).tolist(), dtype=d.dtype)(x)

    def _dense(self, layer: DenseLayer, x: Any) -> Any:
        """Return the product, the norm and the bias of a layer."""
        n, bias, dtype = layer.weight.shape[1], layer.bias, self._d.dtype
        dense = self._layers.Dense(n, use_bias=bias is not None and layer.norm is None, dtype=dtype)
        y = dense(x)
        dense.set_weights([layer.weight] if bias is None or layer.norm is not None else [layer.weight, bias])
        if layer.norm is None:
            return y
        assert layer.gain is not None
        if layer.norm == "layer":
            norm = self._layers.LayerNormalization(epsilon=EPSILON, center=bias is not None, dtype=dtype)
            y = norm(y)
            norm.set_weights([layer.gain] if bias is None else [layer.gain, bias])
            return y
        norm = self._layers.RMSNormalization(epsilon=EPSILON, dtype=dtype)
        y = norm(y)
        norm.set_weights([layer.gain])
        if bias is None:
            return y
        return self._layers.Rescaling(1.0, np.asarray(bias, np.float64).tolist(), dtype=dtype)(y)

    def _activated(self, name: str, x: Any) -> Any:
        if name == "identity":
            return x
        if name == "leaky_relu":
            return self._layers.LeakyReLU(0.01, dtype=self._d.dtype)(x)
        return self._layers.Activation(_NAMES.get(name, name), dtype=self._d.dtype)(x)
