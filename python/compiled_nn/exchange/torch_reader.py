"""Reader of PyTorch's modules and state dicts."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import arithmetic, optional
from ..data.arrays import Array
from ..files.safetensors_file import open_tensors
from ..spec import activations
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
_GROUP = re.compile(r"(?:(.*)\.)?(weight|bias|running_mean|running_var|num_batches_tracked)", re.DOTALL)
_MODULE = "Pass the module itself, whose class states what it does."


def load_torch(purpose: str) -> Any:
    """Return the module torch."""
    return optional.load("torch", purpose=purpose, library="PyTorch", extra="torch")


# ---- modules


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
            self._assembly.affine(_numbers(module.factor), _numbers(module.shift))
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


def _numbers(tensor: Any) -> Array:
    """Return a tensor as an array of float32 or float64."""
    if tensor.is_meta:
        raise ValueError("The module is on the device 'meta' and has no weights. Load its state first.")
    if tensor.is_complex() or tensor.is_quantized:
        raise ValueError(f"The module has weights of the dtype {tensor.dtype}; real floats are supported.")
    plain = tensor.detach().cpu()
    result: Array = (plain if str(plain.dtype) == "torch.float64" else plain.float()).numpy().copy()
    return result


def _or_none(tensor: Any) -> Array | None:
    return None if tensor is None else _numbers(tensor)


def _linear(assembly: Assembly, module: Any) -> None:
    assembly.linear(_numbers(module.weight).T, _or_none(module.bias))


def _batch_norm(assembly: Assembly, module: Any) -> None:
    if module.running_mean is None:
        raise ValueError(
            f"{assembly.where} has track_running_stats=False: a prediction depends on the other rows. Use running"
            " statistics."
        )
    statistics = _numbers(module.running_mean), _numbers(module.running_var)
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


# ---- state dicts


def read_state(state: Mapping[str, Any], names: Sequence[str]) -> tuple[PlainNetwork, DType]:
    """Return the layers of a state dict, and their dtype.

    Parameters
    ----------
    state : mapping of str to array
        Tensors by name, in the order in which they are used.
    names : sequence of str
        Activations of the hidden layers, or of all layers.
    """
    assembly = Assembly()
    dtype: DType = "float32"
    groups, activations_ = _groups(state), list(names)
    pending: str | None = None
    for name, group in groups.items():
        assembly.where = f"{name!r} of the state dict"
        if any(str(each.dtype).endswith("float64") for each in group.values()):
            dtype = "float64"
        arrays = {key: _as_reals(each, f"{name}.{key}") for key, each in group.items()}
        if "running_mean" in arrays:
            assembly.batch_norm(
                arrays.get("weight"), arrays.get("bias"), arrays["running_mean"], arrays["running_var"], 1e-5
            )
            continue
        if np.ndim(arrays.get("weight", ())) != 2:
            raise ValueError(
                f"{assembly.where} has the tensors {sorted(group)} of shape {[np.shape(t) for t in group.values()]};"
                f" expected the weight (units, inputs) and the bias (units,) of a linear layer. {_MODULE}"
            )
        if pending is not None:
            _activate(assembly, pending)
        assembly.linear(arrays["weight"].T, arrays.get("bias"))
        pending = activations_.pop(0)
    if pending is not None:
        _activate(assembly, pending)
    return assembly.finish(), dtype


def _activate(assembly: Assembly, name: str) -> None:
    if name in ("softmax", "log_softmax"):
        assembly.end(name)  # type: ignore[arg-type]
    else:
        assembly.activation(name)


def _groups(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the tensors of each module by its name, in their order; ValueError for a name of another form."""
    groups: dict[str, dict[str, Any]] = {}
    for name, tensor in state.items():
        found = _GROUP.fullmatch(name) if isinstance(name, str) else None
        if found is None:
            raise ValueError(
                f"The state dict has the tensor {name!r}; expected names that end with weight or bias, or those of"
                f" batch normalisation. {_MODULE}"
            )
        if found[2] != "num_batches_tracked":
            groups.setdefault(found[1] or "", {})[found[2]] = tensor
    if not groups:
        raise ValueError("The state dict has no tensors.")
    for name, group in groups.items():
        if "running_mean" in group or "running_var" in group:
            _check_place(name, list(groups), group)
    return groups


def _check_place(name: str, names: list[str], group: dict[str, Any]) -> None:
    """Raise ValueError for batch normalisation that does not directly follow a linear layer."""
    place = names.index(name)
    before = names[place - 1].rpartition(".") if place else None
    own = name.rpartition(".")
    adjacent = (
        before is not None
        and before[0] == own[0]
        and before[2].isdecimal()
        and own[2].isdecimal()
        and int(own[2]) == int(before[2]) + 1
    )
    if not (adjacent and {"running_mean", "running_var"} <= group.keys()):
        raise ValueError(
            f"{name!r} of the state dict is batch normalisation, and its number does not follow that of a linear layer,"
            f" so that its place before or after the activation is not known. {_MODULE}"
        )


def check_activations(names: str | Sequence[str] | None, state: Mapping[str, Any]) -> list[str]:
    """Return the activation of each layer of a state dict."""
    n_layers = sum(np.ndim(group.get("weight", ())) == 2 for group in _groups(state).values())
    if names is None:
        raise TypeError(
            "A state dict does not contain the activations. Pass activations='relu', or a list with one for each hidden"
            " layer."
        )
    if isinstance(names, str):
        names = [names] * (n_layers - 1)
    if len(names) == n_layers - 1:
        names = [*names, "identity"]
    if len(names) != n_layers:
        raise ValueError(
            f"activations has {len(names)} names; the state dict has {n_layers} linear layers, {n_layers - 1} of them"
            " hidden."
        )
    return [name if name == "log_softmax" else activations.named("from_torch", name) for name in names]


def _as_reals(tensor: Any, name: str) -> Array:
    """Return a tensor or an array as real floats."""
    if hasattr(tensor, "detach"):
        return _numbers(tensor)
    array = np.asarray(tensor)
    if array.dtype.kind != "f":
        raise ValueError(f"The tensor {name!r} has the dtype {array.dtype}; expected floats.")
    return array if array.dtype == np.float64 else array.astype(np.float32)


def evaluate_state(state: Mapping[str, Any], names: Sequence[str], X: Array) -> Array:
    """Return the outputs (m, n) of a state dict for rows X, computed in float64 without merging anything."""
    groups = _groups(state)
    rows, todo, pending = X.astype(np.float64), list(names), "identity"
    for name, group in groups.items():
        arrays = {key: _as_reals(each, f"{name}.{key}").astype(np.float64) for key, each in group.items()}
        if "running_mean" in arrays:
            rows = (rows - arrays["running_mean"]) / np.sqrt(arrays["running_var"] + 1e-5)
            rows = rows * arrays.get("weight", 1.0) + arrays.get("bias", 0.0)
            continue
        rows = arithmetic.matmul(_activated(pending, rows), np.ascontiguousarray(arrays["weight"].T))
        rows, pending = rows + arrays.get("bias", 0.0), todo.pop(0)
    return _activated(pending, rows)


def _activated(name: str, rows: Array) -> Array:
    if name == "log_softmax":
        return np.log(arithmetic.activate("softmax", rows))
    return arithmetic.activate(name, rows)


def load_state(path: Any) -> dict[str, Array]:
    """Return the tensors of a safetensors file in their natural order: "2.weight" before "10.weight".

    Raises
    ------
    ValueError
        If it is a file of another kind, such as one of torch.save.
    """
    with open_tensors(path) as file:
        names = [name for name in file.keys() if not name.endswith("num_batches_tracked")]  # noqa: SIM118
        return {name: file.get_tensor(name) for name in sorted(names, key=_in_numbers)}


def _in_numbers(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts names by the numbers in them."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


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
    return _numbers(outputs)
