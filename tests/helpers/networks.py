"""Networks and data for the tests: the same weights in a `Stack` and in the reference."""

import json
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import reference

from cnn_core.stack import Stack

LOSSES = ("binary_cross_entropy", "softmax_cross_entropy", "mse")
LINKS = {"binary_cross_entropy": "sigmoid", "softmax_cross_entropy": "softmax", "mse": "identity"}
EPS = {dtype: float(np.finfo(dtype).eps) for dtype in ("float32", "float64")}
HIDDEN = tuple(name for name in reference.ACTIVATIONS if name not in (*reference.UNFUSED, "softmax"))
UNFUSED = tuple(reference.UNFUSED)
KINKS = {name: tuple(slopes) for name, slopes in reference.SLOPES.items()}
HYPER = reference.HYPER
# Adam divides a gradient by its size: where the gradient is nearly 0, its rounding error becomes a step of the full
# learning rate. With a large epsilon the step is a smooth function of the gradient, so that large float32 networks can
# be compared too. Steps that are signs cannot be made smooth.
SMOOTH_HYPER = {
    name: {**hyper, "epsilon": max(hyper["epsilon"], 0.01)} if "epsilon" in hyper else hyper
    for name, hyper in HYPER.items()
    if name not in reference.SIGNS
}


@dataclass
class Case:
    """A network as `stack` and as `network`, lists of the same numbers in float64, with data for its loss."""

    stack: Stack
    network: list
    activations: tuple
    loss: str
    X: np.ndarray  # (m, k) of the stack's dtype
    y: np.ndarray  # (m,) int64, or (m, n) of the stack's dtype

    @property
    def dtype(self):
        return self.X.dtype

    @property
    def wide(self):
        """(X, y) for the reference: the same numbers in float64."""
        return self.X.astype(np.float64), self.y if self.y.ndim == 1 else self.y.astype(np.float64)

    def oracle_gradient(self, **penalties):
        return reference.gradient(self.network, self.activations, *self.wide, self.loss, **penalties)


def draw(
    rng,
    sizes,
    hidden="relu",
    loss="softmax_cross_entropy",
    *,
    m=8,
    dtype="float64",
    biases=None,
    smooth=False,
):
    """Return a `Case` with normal inputs; `hidden` is the name of one activation, or one name per layer.

    With `smooth` it draws until no input of an activation is within 2e-3 of a kink, and each relu layer has an output
    above 0.
    """
    hidden = (hidden,) * (len(sizes) - 2) if isinstance(hidden, str) else tuple(hidden)
    activations = (*hidden, LINKS[loss])
    y = targets(rng, loss, m, sizes[-1], dtype)
    for _ in range(10_000):
        network = rounded(reference.initial_weights(sizes, rng, biases), dtype)
        X = rng.standard_normal((m, sizes[0])).astype(dtype)
        if not smooth or away_from_kinks(network, activations, X.astype(np.float64)):
            return Case(stack_of(network, activations, dtype), network, activations, loss, X, y)
    raise AssertionError("no smooth network found: draw fewer rows or units")


def away_from_kinks(network, activations, X):
    """Return whether no input of an activation is within 2e-3 of a kink, and each relu layer has an output above 0."""
    zs = reference.pre_activations(network, activations, X)
    return all(
        all(np.abs(z - kink).min() > 2e-3 for kink in KINKS.get(name, ()))
        and (name != "relu" or (z > 0).any())
        for z, name in zip(zs, activations, strict=True)
    )


def targets(rng, loss, m, n, dtype):
    """Return random targets of `m` rows and `n` outputs for a loss."""
    if loss == "softmax_cross_entropy":
        return rng.integers(0, n, m)
    if loss == "mse":
        return rng.standard_normal((m, n)).astype(dtype)
    return rng.integers(0, 2, (m, n)).astype(dtype)


def rounded(network, dtype):
    """Return the network in float64, rounded to numbers of dtype."""
    return reference.combine(lambda w: w.astype(dtype).astype(np.float64), network)


def stack_of(network, activations, dtype):
    """Return a `Stack` with the weights of a network."""
    sizes = (network[0][0].shape[0], *(W.shape[1] for W, _ in network))
    stack = Stack(sizes, activations, biases=[b is not None for _, b in network], dtype=dtype)
    write(stack, network)
    return stack


def write(stack, network):
    """Copy the weights of a network into a stack."""
    for (W, b), (W_new, b_new) in zip(stack.views(), network, strict=True):
        W[...] = W_new
        if b is not None:
            b[...] = b_new


def widened(views):
    """Return float64 copies of the views of a stack."""
    return reference.combine(lambda w: w.astype(np.float64), views)


def padding(stack, flat):
    """Return the padding of a vector in the layout of the arena: its numbers outside weights and biases."""
    used = np.zeros_like(stack.parameters)
    for W, b in stack.views(used):
        W[...] = 1
        if b is not None:
            b[...] = 1
    assert used.sum() == stack.n_parameters
    return flat[used == 0]


def relative_error(got, expected):
    """Return the largest error over the arrays of two networks, relative to the largest number of each array.

    For an array of much smaller numbers than the others the error is relative to a thousandth of the largest number of
    all arrays.
    """
    arrays = [[a for layer in net for a in layer if a is not None] for net in (got, expected)]
    assert [a.shape for a in arrays[0]] == [a.shape for a in arrays[1]]
    largest = max(np.abs(a).max() for a in arrays[1])
    errors = [
        np.abs(a.astype(np.float64) - b).max() / max(np.abs(b).max(), 1e-3 * largest, 1e-300)
        for a, b in zip(*arrays, strict=True)
    ]
    return float(np.max(errors))  # NaN stays NaN, and no comparison with NaN holds


def run_python(code, environment, *, timeout=60, **variables):
    """Run code in a new interpreter and return the parsed JSON that it prints; a failure shows its output."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def true_gradients(case, **penalties):
    """Return the central differences of loss and penalty of the reference."""
    X, y = case.wide
    return reference.central_differences(
        lambda: (
            reference.loss(case.network, case.activations, X, y, case.loss)
            + reference.penalty(case.network, **penalties)
        ),
        case.network,
    )


# Relative error of some optimizer steps against the reference: a few roundings per step.
STEP_TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
