"""solver="lbfgs": all rows at once, in float64, by L-BFGS."""

from __future__ import annotations

from time import perf_counter
from typing import Any, NamedTuple

from ..data.arrays import Array
from ..optimizers import lbfgs
from .network import EstimatorNetwork

_REASONS = {"max_iter": "max_iter", "max_fun": "max_iter", "callback": "time_limit"}  # all else is "tol"
_FTOL = 2.2e-9  # as scikit-learn has it by way of SciPy


class Found(NamedTuple):
    """How a run ended: the losses of its iterations, the last of them, and why there were no more."""

    losses: list[float]
    loss: float
    reason: str


def minimize(
    net: EstimatorNetwork,
    X: Any,
    y: Array,
    options: dict[str, Any],
    *,
    max_iter: int,
    max_fun: int,
    tol: float,
    time_limit: float | None,
) -> Found:
    """Minimise the loss of a network over all rows; `options` are the weights of rows and classes, as fit has them."""
    start = perf_counter()
    twin = net.in_float64()
    function = twin.loss_and_gradient(X, y, **options)
    losses: list[float] = []

    def follow(parameters: Array, value: float, iteration: int) -> bool:
        losses.append(value)
        return time_limit is not None and perf_counter() - start >= time_limit

    found = lbfgs.minimize(
        function,
        twin.parameters,
        max_iter=max_iter,
        max_fun=max_fun,
        gtol=tol,
        ftol=min(_FTOL, tol**2),  # near a minimum the loss lies above it as the square of the gradient
        callback=follow,
    )
    twin.parameters = found.x
    net.take(twin)
    return Found(losses, found.value, _REASONS.get(found.reason, "tol"))
