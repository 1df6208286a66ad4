"""Reference for activations whose derivative is computed from z: f(z) and f'(z) in the dtype of z.

The functions follow the definitions, and are accurate in longdouble: where a definition would cancel or overflow, an
equivalent formula is used.
"""

import numpy as np

PI = 4 * np.arctan(np.longdouble(1))


def logistic(z):
    e = np.exp(-np.abs(z))
    return np.where(z < 0, e, 1) / (1 + e)


def normal_density(z):
    return np.exp(-z * z / 2) / np.sqrt(2 * PI).astype(z.dtype)


def normal_distribution(z):
    """Return Phi(z), by a series near 0 and a continued fraction in the tail."""
    x = np.abs(z)
    near = np.minimum(x, 2.5)
    term = total = near
    for odd in range(3, 161, 2):
        term = term * near * near / odd
        total = total + term
    ratio = far = np.clip(x, 2.5, 1e4)  # the density is 0 for larger x
    for i in range(200, 0, -1):
        ratio = far + i / ratio
    tail = np.where(x < 2.5, 0.5 - total * normal_density(near), normal_density(np.minimum(x, 1e4)) / ratio)
    return np.where(z > 0, 1 - tail, tail)


def bounded(z):
    """Return z, limited to where the factor of z in the formulas has not yet become 0 or 1."""
    return np.clip(z, -1e4, 1e4)


def gated(gate, slope):
    """Return the functions z gate(z) and its derivative, where `slope` is the derivative of `gate`."""

    def f(z):
        return np.maximum(z, -1e4) * gate(z)

    def derivative(z):
        return gate(z) + bounded(z) * slope(z)

    return f, derivative


def ramp(low, high, slope=1.0, offset=0.0):
    """Return the functions of a line from z = low to high that is constant outside; f' is 0 at low and high."""

    def f(z):
        return np.clip(z, low, high) * slope + offset

    def derivative(z):
        return np.where((z > low) & (z < high), slope, 0.0)

    return f, derivative


def elu_like(scale, alpha):
    def f(z):
        return scale * np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))

    def derivative(z):
        return scale * np.where(z > 0, 1, alpha * np.exp(np.minimum(z, 0)))

    return f, derivative


def tanh_argument(z):
    return np.sqrt(8 / PI).astype(z.dtype) * (z + z.dtype.type("0.044715") * z**3)


def tanh_gate(z):
    return logistic(tanh_argument(bounded(z)))


def tanh_gate_slope(z):
    z = bounded(z)
    s, minus = logistic(tanh_argument(z)), logistic(-tanh_argument(z))
    return s * minus * np.sqrt(8 / PI).astype(z.dtype) * (1 + 3 * z.dtype.type("0.044715") * z * z)


def softplus(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def mish_gate(z):
    return np.tanh(softplus(z))


def mish_gate_slope(z):
    return logistic(z) / np.cosh(np.minimum(softplus(z), 700)) ** 2


def hard_gate(z):
    return np.clip(z + 3, 0, 6) / 6


def hard_swish_derivative(z):
    return np.where(z < 3, np.where(z > -3, z / 3 + 0.5, 0.0), 1.0)


def softsign(z):
    z = np.clip(z, -1e300, 1e300)
    return z / (1 + np.abs(z))


SELU = np.longdouble("1.0507009873554804934193349852946"), np.longdouble("1.6732632423543772848170429916717")

UNFUSED = {
    "exp": (np.exp, np.exp),
    "leaky_relu": (
        lambda z: np.where(z > 0, z, z * z.dtype.type("0.01")),
        lambda z: np.where(z > 0, 1, z.dtype.type("0.01")),
    ),
    "elu": elu_like(1, 1),
    "selu": elu_like(*SELU),
    "gelu": gated(normal_distribution, normal_density),
    "gelu_tanh": gated(tanh_gate, tanh_gate_slope),
    "silu": gated(logistic, lambda z: logistic(z) * logistic(-z)),
    "mish": gated(mish_gate, mish_gate_slope),
    "softplus": (softplus, logistic),
    "softsign": (softsign, lambda z: 1 / (1 + np.minimum(np.abs(z), 1e150)) ** 2),
    "hard_sigmoid": (hard_gate, ramp(-3, 3, 1 / np.longdouble(6))[1]),
    "hard_swish": (lambda z: np.maximum(z, -3) * hard_gate(z), hard_swish_derivative),
    "hard_tanh": ramp(-1, 1),
    "relu6": ramp(0, 6),
    "sine": (lambda z: np.sin(np.clip(z, -8192, 8192)), lambda z: np.where(np.abs(z) < 8192, np.cos(z), 0)),
}

# The largest error of f, in units in the last place: a number, or a function of z. For gelu_tanh the argument u of an
# exponential is rounded, which becomes an error of 2 |u| units.
ULP = {
    **{
        "exp": 1.5,
        "leaky_relu": 1,
        "elu": 1.5,
        "selu": 2,
        "gelu": 10,
        "silu": 3.5,
        "mish": 4,
        "softplus": 2.5,
    },
    **{"softsign": 2, "hard_sigmoid": 1.5, "hard_swish": 2, "hard_tanh": 0, "relu6": 0},
    # Absolute errors of eps beyond pi / 4.
    "sine": lambda z: 1.5 + 2 / np.abs(np.sin(np.clip(np.where(np.abs(z) < 0.78, 1.6, z), -8192, 8192))),
    "gelu_tanh": lambda z: 4 + 2 * np.minimum(np.abs(tanh_argument(z.clip(-50, 50))), 1000),
}
# f' at its jumps, for elu at those of f''. As in PyTorch: the value to the left for leaky_relu and those like it, the
# value of the level where a ramp meets a level.
SLOPES = {
    **{"leaky_relu": {0: 0.01}, "elu": {0: 1}, "selu": {0: 1.7580993408473768}, "relu6": {0: 0, 6: 0}},
    **{"hard_tanh": {-1: 0, 1: 0}, "hard_sigmoid": {-3: 0, 3: 0}, "hard_swish": {-3: 0, 3: 1}},
}
# Where |z| is smaller than this, f(z) is finite; elsewhere for every finite z.
FINITE = {"exp": {"float32": 88, "float64": 709}, "selu": {"float32": 3.2e38, "float64": 1.7e308}}
