"""Reader of models of Keras 3: chains of layers, in which Add makes residual layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import optional
from ..data.arrays import Array
from .assembly import Assembly, PlainNetwork

if TYPE_CHECKING:
    from ..spec.configuration import DType

_ACTIVATIONS = {
    **{"linear": "identity", "exponential": "exp", "swish": "silu", "hard_silu": "hard_swish", "celu": "elu"},
    **{
        name: name
        for name in (
            *(
                "relu",
                "relu6",
                "sigmoid",
                "tanh",
                "elu",
                "selu",
                "gelu",
                "silu",
                "mish",
                "softplus",
                "softsign",
            ),
            *("hard_sigmoid", "hard_swish", "hard_tanh"),
        )
    },
}
_SLOPE = 0.2  # of keras.activations.leaky_relu


def load_keras(purpose: str) -> Any:
    """Return the module keras."""
    return optional.load("keras", purpose=purpose, library="Keras", extra="keras")


def computed_dtype(keras: Any, dtype: str) -> str:
    """Return the dtype in which Keras computes: with the backends torch and JAX, products are of float32 at most."""
    return dtype if keras.backend.backend() == "tensorflow" else "float32"


def read_model(keras: Any, model: Any) -> tuple[PlainNetwork, DType]:
    """Return the layers of a model, and their dtype.

    Raises
    ------
    TypeError
        If it is not a model of Keras 3.
    ValueError
        If a layer cannot be expressed.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"from_keras takes a model of Keras 3. Got {type(model).__module__}.{type(model).__name__}."
        )
    if not model.built:
        raise ValueError("The model has no weights yet. Call it once, or build it with an input shape.")
    shape = getattr(model, "input_shape", None)
    if isinstance(shape, list) or isinstance(getattr(model, "output_shape", None), list):
        raise ValueError("The model has several inputs or outputs; expected one of each.")
    flat = shape is not None and len(shape) == 2
    assembly = Assembly(shape[1] if flat and shape is not None else None)
    _Layers(keras, assembly).read(model)
    dtypes = {str(each.dtype) for each in model.weights}
    return assembly.finish(), "float64" if "float64" in dtypes else "float32"


def run(keras: Any, model: Any, X: Array) -> Array:
    """Return the outputs (m, n) of a model for rows X."""
    shape = getattr(model, "input_shape", None)
    rows = X if shape is None or None in shape[1:] else X.reshape(len(X), *shape[1:])
    result: Array = keras.ops.convert_to_numpy(
        model(keras.ops.convert_to_tensor(rows, dtype=str(rows.dtype)), training=False)
    )
    return result


class _Layers:
    """Reader of layers into an assembly."""

    def __init__(self, keras: Any, assembly: Assembly) -> None:
        self._keras, self._assembly = keras, assembly

    def read(self, model: Any) -> None:
        """Read all layers of a model."""
        if isinstance(model, self._keras.Sequential):
            for layer in model.layers:
                self._layer(layer)
        elif hasattr(model, "_operations_by_depth") or hasattr(model, "operations"):
            self._path(model.outputs[0], model.inputs[0])
        else:
            raise ValueError(
                f"{model.name} ({type(model).__name__}) is a class of the user, whose call can do anything. Build it as"
                " a Sequential or a functional model."
            )

    def _path(self, end: Any, start: Any) -> None:
        """Read the layers of a functional model from one tensor to another one."""
        for layer, source, inner in reversed(list(_backwards(end, start))):
            if inner is None:
                self._layer(layer)
            else:
                self._assembly.where = _where(layer)
                self._assembly.residual(lambda end=inner, start=source: self._path(end, start))  # type: ignore[misc]

    def _layer(self, layer: Any) -> None:
        kind = type(layer).__name__
        is_known = type(layer).__module__.startswith("keras.")
        self._assembly.where = _where(layer)
        if isinstance(layer, self._keras.Model):
            self.read(layer)
        elif is_known and kind == "Dense":
            kernel, bias = layer.kernel, layer.bias if layer.use_bias else None
            self._assembly.linear(self._numbers(kernel), None if bias is None else self._numbers(bias))
            self._activation(layer.activation)
        elif is_known and kind == "Activation":
            self._activation(layer.activation)
        elif is_known and kind in _READERS:
            _READERS[kind](self._assembly, layer, self._numbers)
        else:
            raise ValueError(_refusal(_where(layer), kind))

    def _numbers(self, variable: Any) -> Array:
        array: Array = self._keras.ops.convert_to_numpy(variable)
        return array if array.dtype == np.float64 else array.astype(np.float32)

    def _activation(self, function: Any) -> None:
        if function is None:
            return
        if isinstance(function, self._keras.layers.Layer):
            self._layer(function)
            return
        name = getattr(function, "__name__", type(function).__name__)
        if getattr(self._keras.activations, name, None) is not function:
            raise ValueError(
                f"{self._assembly.where} has the activation {name!r}, a function of the user. Use one of"
                " keras.activations."
            )
        if name in ("softmax", "log_softmax"):
            self._assembly.end(name)  # type: ignore[arg-type]
        elif name == "leaky_relu":
            self._assembly.leaky_relu(_SLOPE)
        elif name == "log_sigmoid":
            self._assembly.activation("softplus", bend=(-1.0, 0.0), out=-1.0)
        elif name in _ACTIVATIONS:
            self._assembly.activation(_ACTIVATIONS[name])
        else:
            raise ValueError(f"{self._assembly.where} has the activation {name!r}, which has no counterpart.")


def _where(layer: Any) -> str:
    return f"The layer {layer.name!r} ({type(layer).__name__})"


def _refusal(where: str, kind: str) -> str:
    if "Dropout" in kind:
        return f"{where} is not supported. Replace it by Dropout, which predicts the same."
    return f"{where} has no counterpart in a network of dense layers. Replace it, or rebuild the model without it."


def _parents(tensor: Any) -> tuple[Any, list[Any]]:
    """Return the layer that computes a tensor, and its input tensors."""
    layer, node, _ = tensor._keras_history
    return layer, list(layer._inbound_nodes[node].input_tensors)


def _backwards(end: Any, start: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the layers from a tensor back to another one.

    Each is (layer, input, None); for a residual layer (Add, input, tensor that is added to the input).
    """
    tensor = end
    while tensor is not start:
        layer, inputs = _parents(tensor)
        if not inputs:
            raise ValueError(f"{_where(layer)} is a second input of the model; expected one.")
        if len(inputs) == 1:
            yield layer, inputs[0], None
            tensor = inputs[0]
            continue
        if type(layer).__name__ != "Add" or len(inputs) != 2:
            raise ValueError(f"{_where(layer)} joins {len(inputs)} tensors; only Add of two can be imported.")
        first, second = inputs
        source, inner = (first, second) if _leads_to(first, second, start) else (second, first)
        if not _leads_to(source, inner, start):
            raise ValueError(f"{_where(layer)} adds two branches; a residual layer adds its input.")
        yield layer, source, inner
        tensor = source


def _leads_to(tensor: Any, later: Any, start: Any) -> bool:
    """Return whether a tensor is on the chain of layers before a later one."""
    while later is not tensor:
        if later is start:
            return False
        _, inputs = _parents(later)
        if len(inputs) != 1:
            return False
        later = inputs[0]
    return True


# ---- layers

_Numbers = Callable[[Any], Array]


def _batch_norm(assembly: Assembly, layer: Any, numbers: _Numbers) -> None:
    gain = numbers(layer.gamma) if layer.scale else None
    shift = numbers(layer.beta) if layer.center else None
    assembly.batch_norm(
        gain, shift, numbers(layer.moving_mean), numbers(layer.moving_variance), layer.epsilon
    )


def _layer_norm(assembly: Assembly, layer: Any, numbers: _Numbers) -> None:
    if getattr(layer, "rms_scaling", False):
        raise ValueError(
            f"{assembly.where} has rms_scaling=True, which is not supported. Use RMSNormalization."
        )
    gain = numbers(layer.gamma) if layer.scale else None
    assembly.row_norm("layer", gain, numbers(layer.beta) if layer.center else None, layer.epsilon)


def _rms_norm(assembly: Assembly, layer: Any, numbers: _Numbers) -> None:
    assembly.row_norm("rms", numbers(layer.scale), None, layer.epsilon)


def _normalization(assembly: Assembly, layer: Any, numbers: _Numbers) -> None:
    if layer.invert:
        raise ValueError(f"{assembly.where} has invert=True, which is not supported. Remove it.")
    mean, variance = (
        np.asarray(numbers(each), np.float64).reshape(-1) for each in (layer.mean, layer.variance)
    )
    deviation = np.maximum(np.sqrt(variance), 1e-7)  # as in Keras
    assembly.affine(1 / deviation, None)
    assembly.affine(None, -mean / deviation)


def _rescaling(assembly: Assembly, layer: Any, numbers: _Numbers) -> None:
    assembly.affine(np.asarray(layer.scale, np.float64), None)
    if np.any(layer.offset):
        assembly.affine(None, np.asarray(layer.offset, np.float64))


def _relu(assembly: Assembly, layer: Any, numbers: _Numbers) -> None:
    slope, most = float(layer.negative_slope), layer.max_value
    if layer.threshold or (slope and most is not None):
        raise ValueError(
            f"{assembly.where} has threshold={layer.threshold} and max_value={most}, which have no counterpart."
        )
    if most is None:
        assembly.leaky_relu(slope)
    else:
        assembly.clip(0.0, float(most))


def _elu(assembly: Assembly, layer: Any, numbers: _Numbers) -> None:
    if layer.alpha != 1:
        raise ValueError(
            f"{assembly.where} has alpha={float(layer.alpha):g}; only alpha=1 is supported, 'elu'."
        )
    assembly.activation("elu")


def _softmax(assembly: Assembly, layer: Any, numbers: _Numbers) -> None:
    if layer.axis not in (-1, 1):
        raise ValueError(f"{assembly.where} has axis={layer.axis}; a softmax over the outputs has axis=-1.")
    assembly.end("softmax")


def _nothing(assembly: Assembly, layer: Any, numbers: _Numbers) -> None:
    """Do nothing for a layer that does not change the units in prediction."""


_READERS: dict[str, Callable[[Assembly, Any, _Numbers], None]] = {
    "InputLayer": _nothing,
    "Flatten": _nothing,
    "ActivityRegularization": _nothing,
    "Dropout": lambda assembly, layer, numbers: assembly.dropout(float(layer.rate)),
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _rms_norm,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
    "ReLU": _relu,
    "LeakyReLU": lambda assembly, layer, numbers: assembly.leaky_relu(float(layer.negative_slope)),
    "ELU": _elu,
    "Softmax": _softmax,
}
