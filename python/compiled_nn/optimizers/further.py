"""Optimizers that are asked for less often; `descent` has the others, and what all share."""

from __future__ import annotations

from dataclasses import dataclass

from ..data.arrays import Array
from .classes import Optimizer, Rate


@dataclass(frozen=True)
class NAdam(Optimizer):
    """Adam with Nesterov's momentum (Dozat, 2016).

    The momentum of step t is ``beta_1 * (1 - 0.96 ** (t * momentum_decay) / 2)``: it grows from half of beta_1 to
    beta_1.

    Parameters
    ----------
    learning_rate : float or callable, default 2e-3
        A number above 0, or a function from the step (0, 1, ...) to a number of at least 0.
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay of the running means of gradients and of their squares, in [0, 1).
    epsilon : float, default 1e-8
        Above 0.
    momentum_decay : float, default 0.004
        At least 0; how soon the momentum reaches beta_1.
    weight_decay : float, default 0.0
        At least 0; decoupled, as for :class:`AdamW`.
    """

    learning_rate: Rate = 2e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    momentum_decay: float = 0.004
    weight_decay: float = 0.0


@dataclass(frozen=True)
class RAdam(Optimizer):
    """Rectified Adam (Liu et al., 2020): needs no warm-up.

    Until the mean square is known well enough (five steps with the default beta_2), the step is that of a corrected
    momentum; afterwards that of Adam times a factor that grows to 1. Epsilon is added to the root of the uncorrected
    mean square, as PyTorch does.

    Parameters
    ----------
    learning_rate : float or callable, default 1e-3
        A number above 0, or a function from the step (0, 1, ...) to a number of at least 0.
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay of the running means of gradients and of their squares, in [0, 1).
    epsilon : float, default 1e-8
        Above 0.
    weight_decay : float, default 0.0
        At least 0; decoupled, as for :class:`AdamW`.
    """

    learning_rate: Rate = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """The rate of each weight divided by the root mean square of its gradients (Hinton, 2012).

    ``s = rho * s + (1 - rho) * g ** 2``, ``v = momentum * v - learning_rate * g / (sqrt(s) + epsilon)``, ``w += v``.

    Parameters
    ----------
    learning_rate : float or callable, default 1e-3
        A number above 0, or a function from the step (0, 1, ...) to a number of at least 0.
    rho : float, default 0.9
        Decay of the running mean of squares, in [0, 1).
    momentum : float, default 0.0
        In [0, 1).
    epsilon : float, default 1e-7
        Above 0; added to the root.
    centered : bool, default False
        Divide by the standard deviation of the gradients in place of their root mean square (Graves, 2013).
    """

    learning_rate: Rate = 1e-3
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False

    def hyperparameters(self) -> tuple[str, dict[str, float]]:
        """Return the core's name of this optimizer and what it takes besides the learning rate."""
        name, hyper = super().hyperparameters()
        return ("centered_rmsprop" if self.centered else name), hyper


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """The rate of each weight divided by the root of the sum of its squared gradients (Duchi et al., 2011).

    Parameters
    ----------
    learning_rate : float or callable, default 0.01
        A number above 0, or a function from the step (0, 1, ...) to a number of at least 0.
    epsilon : float, default 1e-10
        Above 0; added to the root.
    """

    learning_rate: Rate = 0.01
    epsilon: float = 1e-10


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Steps as large as those before were, in proportion to the gradient's size (Zeiler, 2012).

    Parameters
    ----------
    learning_rate : float or callable, default 1.0
        A factor of the step, as for the others; the method itself has none.
    rho : float, default 0.9
        Decay of the running means of squared gradients and squared steps, in [0, 1).
    epsilon : float, default 1e-6
        Above 0; added to both means. The first steps are about ``sqrt(epsilon)`` long.
    """

    learning_rate: Rate = 1.0
    rho: float = 0.9
    epsilon: float = 1e-6

    def step_norm(self, rate: float, gradient: Array) -> float:
        """Return about how long the first step of weights with this gradient is."""
        return super().step_norm(rate * self.epsilon**0.5, gradient)


@dataclass(frozen=True)
class Lion(Optimizer):
    """The sign of a mean of gradients, times the learning rate (Chen et al., 2023).

    Every weight moves by the rate in every step: take a rate three to ten times smaller than Adam's.

    Parameters
    ----------
    learning_rate : float or callable, default 1e-4
        A number above 0, or a function from the step (0, 1, ...) to a number of at least 0.
    beta_1, beta_2 : float, default 0.9 and 0.99
        How much of the mean so far is in the step, and in the next mean; in [0, 1).
    weight_decay : float, default 0.0
        At least 0; decoupled, as for :class:`AdamW`.
    """

    learning_rate: Rate = 1e-4
    beta_1: float = 0.9
    beta_2: float = 0.99
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Rprop(Optimizer):
    """Resilient propagation, iRprop- (Igel and Huesken, 2000): for full batches.

    Each weight has a step size of its own. Where its gradient keeps its sign the size grows; where it turns, the size
    shrinks and the weight rests for a step. The gradient's magnitude is not used.

    Parameters
    ----------
    learning_rate : float or callable, default 0.01
        The size of a weight's first step; later rates are not used.
    decrease, increase : float, default 0.5 and 1.2
        Factors of the size, in (0, 1) and at least 1.
    smallest, largest : float, default 1e-6 and 50.0
        Bounds of the size, above 0.
    """

    learning_rate: Rate = 0.01
    decrease: float = 0.5
    increase: float = 1.2
    smallest: float = 1e-6
    largest: float = 50.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.smallest > self.largest:
            raise ValueError(
                f"Rprop needs smallest <= largest. Got smallest={self.smallest}, largest={self.largest}."
            )


KINDS: tuple[type[Optimizer], ...] = (NAdam, RAdam, RMSprop, Adagrad, Adadelta, Lion, Rprop)
