"""L-BFGS as an optimizer: its parameters. The algorithm is in :mod:`compiled_nn.optimizers.lbfgs`."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..common import checks
from ..data.arrays import Array
from .base import Optimizer, Rate


@dataclass(frozen=True)
class LBFGS(Optimizer):
    """L-BFGS (Nocedal, 1980): each step uses all rows, and its length is found by a line search.

    An epoch is one step. The arithmetic is in float64, whatever the dtype of the network. There are neither batches
    nor a learning rate: the column "learning_rate" of the history is the length of the step. A call of fit with
    ``warm_start=True`` begins without the stored steps of the call before.

    Parameters
    ----------
    max_iter : int, default 200
        Largest number of steps of a call of fit without `epochs`.
    max_fun : int, default 15000
        Largest number of evaluations of the loss in a call of fit.
    tol : float, default 1e-4
        Training stops when the absolute value of each component of the gradient is at most `tol`.
    memory : int, default 10
        Number of steps from which the second derivatives are approximated.

    See Also
    --------
    Rprop : Another optimizer for full batches.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
    >>> layers = [cnn.Dense(4, "tanh"), cnn.Dense(1)]
    >>> net = cnn.Network(layers, loss="binary_cross_entropy", optimizer=cnn.LBFGS(max_iter=50), seed=0)
    >>> net.fit(X, y).predict(X).tolist()
    ['no', 'yes', 'yes', 'no']
    >>> net.stop_reason_, len(net.history["loss"])
    ('tol', 21)
    """

    learning_rate: Rate = field(default=1.0, init=False, repr=False, compare=False)
    max_iter: int = 200
    max_fun: int = 15000
    tol: float = 1e-4
    memory: int = 10

    def __post_init__(self) -> None:
        for name in ("max_iter", "max_fun", "memory"):
            self._set(name, checks.integer("LBFGS", name, getattr(self, name), minimum=1))
        self._set("tol", checks.real("LBFGS", "tol", self.tol, minimum=0))

    @property
    def epochs(self) -> int:
        """Number of epochs of a call of fit without `epochs`."""
        return self.max_iter

    def step_norm(self, rate: float, gradient: Array) -> float:
        """Return 0.0: the length of the next step is not known before its line search."""
        return 0.0
