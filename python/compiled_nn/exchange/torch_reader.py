"""Reader of PyTorch's modules."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import optional
from ..data.arrays import Array
from .assembly import Assembly, PlainNetwork

if TYPE_CHECKING:
    from ..spec.configuration import DType

_PLAIN = {  # modules without parameters, and the activation that each of them is
    "ReLU": "relu",
    "ReLU6": "relu6",
    "SELU": "selu",
    "Sigmoid": "sigmoid",
    "SiLU": "silu",
    "Mish": "mish",
    "Softsign": "softsign",
    "Hardsigmoid": "hard_sigmoid",
    "Hardswish": "hard_swish",
    "Tanh": "tanh",
}
_NOTHING = ("Identity", "Flatten", "Dropout")  # modules that do not change the units in prediction


def load_torch(purpose: str) -> Any:
    """Return the module torch."""
    return optional.load("torch", purpose=purpose, library="PyTorch", extra="torch")


def read_module(module: Any, *, in_order: bool) -> tuple[PlainNetwork, DType]:
    """Return the layers of a module, and their dtype.

    Parameters
    ----------
    module : torch.nn.Module
        Sequential, or a single layer.
    in_order : bool
        Whether the children of modules of other classes are called one after another.

    Raises
    ------
    ValueError
        If a module cannot be expressed.
    """
    dtypes = {str(each.dtype).removeprefix("torch.") for each in module.parameters()}
    assembly = Assembly()
    _Modules(assembly, in_order).read(module, type(module).__name__)
    return assembly.finish(), "float64" if "float64" in dtypes else "float32"


class _Modules:
    """Reader of modules into an assembly."""

    def __init__(self, assembly: Assembly, in_order: bool) -> None:
        self._assembly = assembly
        self._in_order = in_order

    def read(self, module: Any, name: str) -> None:
        """Read a module and those that it contains; `name` is its place."""
        kind = type(module).__name__
        is_torch = type(module).__module__.startswith("torch.nn.")
        where = f"{name} ({kind})"
        if kind == "Sequential" and is_torch:
            self._children(module, name)
            return
        self._assembly.where = where
        read = _READERS.get(kind) if is_torch else None
        if read is not None:
            read(self._assembly, module)
        elif type(module).__module__ == "compiled_nn.exchange.torch_modules":
            self._own(module, kind, name)
        elif not is_torch and self._in_order and any(True for _ in module.children()):
            self._children(module, name)
        else:
            raise ValueError(_refusal(where, is_torch, kind))

    def _children(self, module: Any, name: str) -> None:
        for child, each in module._modules.items():  # named_children skips a module that is used twice
            if each is not None:
                self.read(each, f"{name}.{child}")

    def _own(self, module: Any, kind: str, name: str) -> None:
        """Read a module that to_torch has made."""
        if kind == "Residual":
            self._assembly.residual(lambda: self._children(module, name))
        elif kind == "Affine":
            self._assembly.affine(numbers_of(module.factor), numbers_of(module.shift))
        elif kind == "Standardize":
            exact = [tensor.detach().cpu().double().numpy() for _, tensor in module.named_buffers()]
            mean, factor = exact[0] + exact[1], exact[2] + exact[3]
            self._assembly.affine(factor, -mean * factor)
        elif kind == "Activation":
            self._assembly.activation(module.name)
        else:
            raise ValueError(
                f"{name} ({kind}) was made by to_torch from a part that a network of dense layers does not have. Load"
                " the file of the network instead."
            )


def _refusal(where: str, is_torch: bool, kind: str) -> str:
    if not is_torch:
        return (
            f"{where} is a class of the user, whose forward can do anything. Pass in_order=True if it calls its"
            " children one after another, in the order in which they are defined; the predictions are then compared."
        )
    if "Dropout" in kind:
        return f"{where} is not supported. Replace it by Dropout or Identity, which predict the same."
    return f"{where} has no counterpart in a network of dense layers. Replace it, or rebuild the network without it."


def numbers_of(tensor: Any) -> Array:
    """Return a tensor as an array of float32 or float64."""
    if tensor.is_meta:
        raise ValueError("The module is on the device 'meta' and has no weights. Load its state first.")
    if tensor.is_complex() or tensor.is_quantized:
        raise ValueError(f"The module has weights of the dtype {tensor.dtype}; real floats are supported.")
    plain = tensor.detach().cpu()
    result: Array = (plain if str(plain.dtype) == "torch.float64" else plain.float()).numpy().copy()
    return result


def _or_none(tensor: Any) -> Array | None:
    return None if tensor is None else numbers_of(tensor)


def _linear(assembly: Assembly, module: Any) -> None:
    assembly.linear(numbers_of(module.weight).T, _or_none(module.bias))


def _batch_norm(assembly: Assembly, module: Any) -> None:
    if module.running_mean is None:
        raise ValueError(
            f"{assembly.where} has track_running_stats=False: a prediction depends on the other rows. Use running"
            " statistics."
        )
    statistics = numbers_of(module.running_mean), numbers_of(module.running_var)
    assembly.batch_norm(_or_none(module.weight), _or_none(module.bias), *statistics, module.eps)


def _row_norm(norm: Any) -> Callable[[Assembly, Any], None]:
    def read(assembly: Assembly, module: Any) -> None:
        if len(module.normalized_shape) != 1:
            raise ValueError(
                f"{assembly.where} normalises over {len(module.normalized_shape)} dimensions; rows have one."
            )
        epsilon = module.eps
        if epsilon is None:
            torch = load_torch("from_torch")
            epsilon = torch.finfo(next(module.parameters(), torch.zeros(1)).dtype).eps
        if assembly.width is None:
            assembly.width = int(module.normalized_shape[0])
        bias = getattr(module, "bias", None)
        assembly.row_norm(norm, _or_none(module.weight), _or_none(bias), epsilon)

    return read


def _one(assembly: Assembly, module: Any, name: str, parameter: str) -> None:
    """Read an activation that can be expressed for the value 1 of a parameter only."""
    value = getattr(module, parameter)
    if value != 1:
        raise ValueError(
            f"{assembly.where} has {parameter}={value:g}; only {parameter}=1 is supported, {name!r}."
        )
    assembly.activation(name)


def _softplus(assembly: Assembly, module: Any) -> None:
    beta = float(module.beta)
    assembly.activation("softplus", bend=(beta, 0.0), out=1 / beta)


def _flatten(assembly: Assembly, module: Any) -> None:
    if (module.start_dim, module.end_dim) != (1, -1):
        raise ValueError(
            f"{assembly.where} has start_dim={module.start_dim} and end_dim={module.end_dim}; expected 1 and -1."
        )


def _softmax(link: Any) -> Callable[[Assembly, Any], None]:
    def read(assembly: Assembly, module: Any) -> None:
        if module.dim not in (1, -1, None):
            raise ValueError(f"{assembly.where} has dim={module.dim}; a softmax over the outputs has dim=1.")
        assembly.end(link)

    return read


def _plain_reader(name: str) -> Callable[[Assembly, Any], None]:
    return lambda assembly, module: assembly.activation(name)


def _log_sigmoid(assembly: Assembly, module: Any) -> None:
    assembly.activation("softplus", bend=(-1.0, 0.0), out=-1.0)


_READERS: dict[str, Callable[[Assembly, Any], None]] = {
    **{kind: _plain_reader(name) for kind, name in _PLAIN.items()},
    "Identity": lambda assembly, module: None,
    "Linear": _linear,
    "Flatten": _flatten,
    "Dropout": lambda assembly, module: assembly.dropout(module.p),
    "BatchNorm1d": _batch_norm,
    "LayerNorm": _row_norm("layer"),
    "RMSNorm": _row_norm("rms"),
    "LeakyReLU": lambda assembly, module: assembly.leaky_relu(module.negative_slope),
    "ELU": lambda assembly, module: _one(assembly, module, "elu", "alpha"),
    "CELU": lambda assembly, module: _one(assembly, module, "elu", "alpha"),
    "GELU": lambda assembly, module: assembly.activation(
        "gelu" if module.approximate == "none" else "gelu_tanh"
    ),
    "Softplus": _softplus,
    "LogSigmoid": _log_sigmoid,
    "Hardtanh": lambda assembly, module: assembly.clip(module.min_val, module.max_val),
    "Softmax": _softmax("softmax"),
    "LogSoftmax": _softmax("log_softmax"),
}


def run(module: Any, X: Array) -> Array:
    """Return the outputs of a module for rows X, in evaluation mode, which is then as before."""
    torch = load_torch("from_torch")
    parameter = next(module.parameters(), None)
    dtype = torch.float32 if parameter is None else parameter.dtype
    if dtype in (torch.float16, torch.bfloat16):
        module, dtype = copy.deepcopy(module).float(), torch.float32
    training = [(each, each.training) for each in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            rows = torch.from_numpy(np.ascontiguousarray(X)).to(dtype=dtype)
            if parameter is not None:
                rows = rows.to(parameter.device)
            outputs = module(rows)
    finally:
        for each, mode in training:
            each.training = mode
    return numbers_of(outputs)
