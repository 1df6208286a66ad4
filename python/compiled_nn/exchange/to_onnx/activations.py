"""Activations as nodes of ONNX.

In float32 they are the operators of the standard. In float64 they are made of operators that onnxruntime computes in
float64, such as Exp, Log, Max, Abs and Clip: it has no such form of Erf, Softplus, Softsign, Elu, Selu, LeakyRelu,
HardSigmoid and HardSwish.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...artefact.refusals import largest_exp
from .graph import Graph

_FARTHEST = 8192.0  # of the argument of sine
_SELU = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717  # scale, alpha
# 1 - Phi(x) = exp(-x^2/2) P(x)/Q(x) for x >= 0, with Phi the distribution function of the normal distribution: the
# coefficients of P and of Q from the highest power, as in activations_of_z.pxd of the core, which has their origin.
_P = (
    *(1.3843213386623997953e-6, 0.000037223636685887437051, 0.00049008511670598705029),
    *(0.0040870371787454302008, 0.023611790568373263673, 0.097664773168136150981, 0.28925606088432778484),
    *(0.59393968100125306328, 0.77480082584035284604, 0.49999999999999997449),
)
_Q = (
    *(3.4699790086766215861e-6, 0.000093305820199284601212, 0.0012319311897204037088),
    *(0.010337988760661020858, 0.060407503533311726345, 0.25486734140652215745, 0.78182142492800145392),
    *(1.7140349966548043414, 2.5609023676410544049, 2.3474862124835610101, 1.0),
)


def activation(graph: Graph, name: str, z: str, scope: str) -> str:
    """Add an activation of z (m, n), and return its result; `scope` is the start of the names."""
    if name == "identity":
        return z
    if graph.real == "float32" and name in _OPERATORS:
        op, attributes = _OPERATORS[name]
        return graph.node(op, z, name=f"{scope}/{op}", **attributes)
    return _COMPOSED[name](_Nodes(graph, scope), z)


def link(graph: Graph, name: str, z: str, scope: str) -> str:
    """Add the activation of the last layer, of which small probabilities are exact as well."""
    return _tails(_Nodes(graph, scope), z) if name == "sigmoid" else activation(graph, name, z, scope)


_OPERATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "leaky_relu": ("LeakyRelu", {"alpha": 0.01}),
    "elu": ("Elu", {}),
    "selu": ("Selu", {"gamma": _SELU[0], "alpha": _SELU[1]}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "hard_swish": ("HardSwish", {}),
}


class _Nodes:
    """Short names for nodes of one activation; numbers are constants."""

    def __init__(self, graph: Graph, scope: str) -> None:
        self.graph, self.scope = graph, scope

    def __call__(self, op: str, *inputs: str | float) -> str:
        graph = self.graph
        names = [each if isinstance(each, str) else graph.constant(f"{each:.6g}", each) for each in inputs]
        return graph.node(op, *names, name=f"{self.scope}/{op}")


def _silu(f: _Nodes, z: str) -> str:
    """Return z * sigmoid(z).

    In float64 the product has -z, because onnxruntime 1.20 replaces z * sigmoid(z) by an operator that it does not have
    in float64.
    """
    if f.graph.real == "float32":
        return f("Mul", z, f("Sigmoid", z))
    return f("Neg", f("Mul", f("Neg", z), f("Sigmoid", z)))


def _tails(f: _Nodes, z: str) -> str:
    """Return sigmoid(z) as exp(min(z, 0)) / (1 + exp(-|z|)), which keeps the digits of small probabilities."""
    if f.graph.real == "float32":
        return f("Sigmoid", z)
    e = f("Exp", f("Neg", f("Abs", z)))
    return f("Div", f("Exp", f("Min", z, 0.0)), f("Add", e, 1.0))


def _softplus(f: _Nodes, z: str) -> str:
    if f.graph.real == "float32":
        return f("Softplus", z)
    e = f("Exp", f("Neg", f("Abs", z)))
    return f("Add", f("Max", z, 0.0), f("Log", f("Add", e, 1.0)))


def _elu(scale: float, alpha: float) -> Callable[[_Nodes, str], str]:
    def elu(f: _Nodes, z: str) -> str:
        left = f("Mul", f("Sub", f("Exp", f("Min", z, 0.0)), 1.0), scale * alpha)
        right = f("Max", z, 0.0)
        return f("Add", right if scale == 1 else f("Mul", right, scale), left)

    return elu


def _gelu(f: _Nodes, z: str) -> str:
    if f.graph.real == "float32":
        phi = f("Mul", f("Add", f("Erf", f("Mul", z, math.sqrt(0.5))), 1.0), 0.5)
        return f("Mul", z, phi)
    x = f("Min", f("Abs", z), 1e4)
    e = f("Exp", f("Mul", f("Mul", x, x), -0.5))
    tail = f("Mul", e, f("Div", _polynomial(f, x, _P), _polynomial(f, x, _Q)))  # 1 - Phi(|z|)
    return f("Sub", f("Max", z, 0.0), f("Mul", x, tail))


def _polynomial(f: _Nodes, x: str, coefficients: Sequence[float]) -> str:
    """Return a polynomial by Horner's rule."""
    first, second, *others = coefficients
    p = f("Add", f("Mul", x, first), second)
    for coefficient in others:
        p = f("Add", f("Mul", p, x), coefficient)
    return p


def _gelu_tanh(f: _Nodes, z: str) -> str:
    slope = math.sqrt(8 / math.pi)
    near = z if f.graph.real == "float32" else f("Clip", z, -1e4, 1e4)
    inner = f("Add", f("Mul", f("Mul", near, near), 0.044715 * slope), slope)
    return f("Mul", z, f("Sigmoid", f("Mul", near, inner)))


def _mish(f: _Nodes, z: str) -> str:
    return f("Mul", z, f("Tanh", _softplus(f, z)))


def _hard_sigmoid(f: _Nodes, z: str) -> str:
    return f("Div", f("Clip", f("Add", z, 3.0), 0.0, 6.0), 6.0)


_COMPOSED: dict[str, Callable[[_Nodes, str], str]] = {
    "relu": lambda f, z: f("Relu", z),
    "sigmoid": lambda f, z: f("Sigmoid", z),
    "tanh": lambda f, z: f("Tanh", z),
    "softmax": lambda f, z: f.graph.node("Softmax", z, name=f"{f.scope}/Softmax", axis=1),
    "exp": lambda f, z: f("Min", f("Exp", z), largest_exp(f.graph.real)),
    "leaky_relu": lambda f, z: f("Max", z, f("Mul", z, 0.01)),
    "elu": _elu(1.0, 1.0),
    "selu": _elu(*_SELU),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": _silu,
    "mish": _mish,
    "softplus": _softplus,
    "softsign": lambda f, z: f("Div", z, f("Add", f("Abs", z), 1.0)),
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": lambda f, z: f("Mul", z, _hard_sigmoid(f, z)),
    "hard_tanh": lambda f, z: f("Clip", z, -1.0, 1.0),
    "relu6": lambda f, z: f("Clip", z, 0.0, 6.0),
    "sine": lambda f, z: f("Sin", f("Clip", z, -_FARTHEST, _FARTHEST)),
}
