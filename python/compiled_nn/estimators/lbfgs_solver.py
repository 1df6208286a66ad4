"""Training with ``solver="lbfgs"``: L-BFGS in float64, where each step uses all rows."""

from __future__ import annotations

from time import perf_counter
from typing import Any, NamedTuple

from ..data.arrays import Array
from ..optimizers import lbfgs
from .network import EstimatorNetwork

_REASONS = {
    "max_iter": "max_iter",
    "max_fun": "max_iter",
    "callback": "time_limit",
}  # any other reason is "tol"
_FTOL = 2.2e-9  # default of SciPy, and so of scikit-learn


class Solution(NamedTuple):
    """Result of a run.

    Attributes
    ----------
    losses : list of float
        Loss with penalty after each iteration.
    loss : float
        Loss with penalty at the end.
    reason : {"tol", "max_iter", "time_limit"}
        Reason for the end.
    """

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
) -> Solution:
    """Minimise the loss of a network over all rows; `options` are arguments of fit: weights of rows and classes."""
    start = perf_counter()
    twin = net.to_float64()
    function = twin.make_objective(X, y, **options, stored=net.dtype)
    losses: list[float] = []

    def record(parameters: Array, value: float, iteration: int) -> bool:
        losses.append(value)
        return time_limit is not None and perf_counter() - start >= time_limit

    result = lbfgs.minimize(
        function,
        twin.parameters,
        max_iter=max_iter,
        max_fun=max_fun,
        gtol=tol,
        ftol=min(_FTOL, tol**2),  # near a minimum the loss exceeds it by about the square of the gradient
        callback=record,
    )
    twin.parameters = result.x
    net.copy_weights_from(twin)
    return Solution(losses, result.value, _REASONS.get(result.reason, "tol"))
