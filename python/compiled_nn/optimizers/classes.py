"""Optimizers as frozen dataclasses of hyperparameters. The compiled core computes the steps.

References
----------
.. [1] I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum in deep
   learning", ICML, 2013. (SGD)
.. [2] D. P. Kingma, J. Ba, "Adam: A method for stochastic optimization", ICLR, 2015.
.. [3] S. J. Reddi, S. Kale, S. Kumar, "On the convergence of Adam and beyond", ICLR, 2018. (`amsgrad`)
.. [4] I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR, 2019. (AdamW)
.. [5] T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR Workshop, 2016. (NAdam)
.. [6] L. Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR, 2020. (RAdam)
.. [7] T. Tieleman, G. Hinton, "Lecture 6.5: RMSprop", Neural Networks for Machine Learning, Coursera, 2012.
.. [8] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850, 2013. (`centered`)
.. [9] J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic
   optimization", JMLR, 12, 2011. (Adagrad)
.. [10] M. D. Zeiler, "ADADELTA: An adaptive learning rate method", arXiv:1212.5701, 2012.
.. [11] X. Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS, 2023. (Lion)
.. [12] C. Igel, M. Huesken, "Improving the Rprop learning algorithm", International Symposium on Neural
   Computation, 2000. (iRprop-)
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..common import arithmetic
from ..common.errors import suggest_keywords
from ..data.arrays import Array
from .base import Optimizer, Rate


@suggest_keywords("Optimizer")
@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent with optional momentum (Sutskever et al., 2013).

    ``v = momentum * v - learning_rate * g`` and ``w += v``; with Nesterov momentum ``w += momentum * v - learning_rate
    * g``.

    Parameters
    ----------
    learning_rate : float or callable, default 0.01
        Learning rate > 0, or function that returns the learning rate >= 0 of step 0, 1, ...
    momentum : float, default 0.0
        Momentum, in [0, 1).
    nesterov : bool, default False
        Whether Nesterov momentum is used; requires `momentum` > 0.

    See Also
    --------
    Adam : Steps whose size adapts to each weight; the default optimizer of a network.
    compiled_nn.schedules : Learning rates that change during training.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> layers = [cnn.Dense(32, "relu"), cnn.Dense(10)]
    >>> net = cnn.Network(layers, optimizer=cnn.SGD(0.1, momentum=0.9), input_scale=1 / 16, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=5)
    >>> round(net.score(data.X_test, data.y_test), 2)
    0.96
    """

    learning_rate: Rate = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and self.momentum == 0:
            raise ValueError("SGD with nesterov=True needs a momentum above 0. Got momentum=0.0 instead.")

    def hyperparameters(self) -> tuple[str, dict[str, float]]:
        """Return the name of the optimizer in the core, and its hyperparameters except the learning rate."""
        if self.momentum == 0:
            return "sgd", {}
        return ("nesterov" if self.nesterov else "momentum"), {"momentum": self.momentum}

    def step_norm(self, rate: float, gradient: Array) -> float:
        """Return an estimate of the norm of the next step, with the momentum of a constant gradient."""
        return rate / (1 - self.momentum) * arithmetic.norm(gradient)


@suggest_keywords("Optimizer")
@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam with bias correction (Kingma and Ba, 2015).

    Parameters
    ----------
    learning_rate : float or callable, default 1e-3
        Learning rate > 0, or function that returns the learning rate >= 0 of step 0, 1, ...
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay of the running means of the gradients and of their squares, in [0, 1).
    epsilon : float, default 1e-8
        Number > 0 that is added to the square root of the mean square.
    amsgrad : bool, default False
        Whether the largest mean square so far replaces the current one (Reddi, Kale and Kumar, 2018).
    epsilon_hat : bool, default False
        Whether epsilon is added before the bias of the mean square is corrected, as in section 2 of the paper (end),
        in scikit-learn and in Keras. Only the first steps differ. Cannot be combined with `amsgrad`.

    See Also
    --------
    AdamW : Adam with weight decay.
    SGD : Gradient descent with momentum.
    compiled_nn.schedules : Learning rates that change during training.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> optimizer = cnn.Adam(cnn.schedules.Cosine(0.01, over=100))
    >>> layers = [cnn.Dense(32, "relu"), cnn.Dense(10)]
    >>> net = cnn.Network(layers, optimizer=optimizer, input_scale=1 / 16, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=5)
    >>> round(net.score(data.X_test, data.y_test), 2)
    0.93
    """

    learning_rate: Rate = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    amsgrad: bool = field(default=False, kw_only=True)
    epsilon_hat: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.amsgrad and self.epsilon_hat:
            raise ValueError(
                f"{type(self).__name__} has amsgrad=True and epsilon_hat=True; set at most one of them."
            )

    def hyperparameters(self) -> tuple[str, dict[str, float]]:
        """Return the name of the optimizer in the core, and its hyperparameters except the learning rate."""
        name, hyper = super().hyperparameters()
        hat = {"epsilon_hat": 1.0} if self.epsilon_hat else {}
        return ("amsgrad" if self.amsgrad else name), {**hyper, **hat}


@suggest_keywords("Optimizer")
@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019).

    Each step first shrinks the weights, but not the biases: ``w -= learning_rate * weight_decay * w``.

    Parameters
    ----------
    learning_rate : float or callable, default 1e-3
        Learning rate > 0, or function that returns the learning rate >= 0 of step 0, 1, ...
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay of the running means of the gradients and of their squares, in [0, 1).
    epsilon : float, default 1e-8
        Number > 0 that is added to the square root of the mean square.
    weight_decay : float, default 0.01
        Decay of the weights, >= 0.
    amsgrad, epsilon_hat : bool, default False
        Variants of the step, as for :class:`Adam`.

    See Also
    --------
    Adam : The same steps without weight decay.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> for decay in (0.0, 1.0):
    ...     optimizer = cnn.AdamW(0.01, weight_decay=decay)
    ...     net = cnn.Network([cnn.Dense(32, "relu"), cnn.Dense(10)], optimizer=optimizer, input_scale=1 / 16, seed=0)
    ...     net = net.fit(data.X_train, data.y_train, epochs=5)
    ...     print(decay, np.linalg.norm(net.get_weights()[0][0]).round(1))
    0.0 13.3
    1.0 7.2
    """

    weight_decay: float = 0.01


@suggest_keywords("Optimizer")
@dataclass(frozen=True)
class NAdam(Optimizer):
    """Adam with Nesterov momentum (Dozat, 2016).

    The momentum of step t is ``beta_1 * (1 - 0.96 ** (t * momentum_decay) / 2)``, which grows from half of beta_1 to
    beta_1.

    Parameters
    ----------
    learning_rate : float or callable, default 2e-3
        Learning rate > 0, or function that returns the learning rate >= 0 of step 0, 1, ...
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay of the running means of the gradients and of their squares, in [0, 1).
    epsilon : float, default 1e-8
        Number > 0 that is added to the square root of the mean square.
    momentum_decay : float, default 0.004
        Speed at which the momentum grows to beta_1, >= 0.
    weight_decay : float, default 0.0
        Decoupled decay of the weights, >= 0, as in :class:`AdamW`.

    See Also
    --------
    Adam : The same means of gradients without Nesterov momentum.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> layers = [cnn.Dense(32, "relu"), cnn.Dense(10)]
    >>> net = cnn.Network(layers, optimizer=cnn.NAdam(0.005), input_scale=1 / 16, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=5)
    >>> round(net.score(data.X_test, data.y_test), 2)
    0.96
    """

    learning_rate: Rate = 2e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    momentum_decay: float = 0.004
    weight_decay: float = 0.0


@suggest_keywords("Optimizer")
@dataclass(frozen=True)
class RAdam(Optimizer):
    """Rectified Adam, which needs no warm-up (Liu et al., 2020).

    Until the variance of the mean square can be estimated (the first five steps with the default beta_2), the step uses
    only the bias-corrected momentum; afterwards it is the step of Adam, multiplied by a factor that grows to 1.

    Parameters
    ----------
    learning_rate : float or callable, default 1e-3
        Learning rate > 0, or function that returns the learning rate >= 0 of step 0, 1, ...
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay of the running means of the gradients and of their squares, in [0, 1).
    epsilon : float, default 1e-8
        Number > 0 that is added to the square root of the uncorrected mean square, as in PyTorch.
    weight_decay : float, default 0.0
        Decoupled decay of the weights, >= 0, as in :class:`AdamW`.

    See Also
    --------
    Adam : The same steps without the rectification.
    compiled_nn.schedules.WarmUp : Learning rates that rise in the first steps.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> layers = [cnn.Dense(32, "relu"), cnn.Dense(10)]
    >>> net = cnn.Network(layers, optimizer=cnn.RAdam(0.005), input_scale=1 / 16, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=5)
    >>> round(net.score(data.X_test, data.y_test), 2)
    0.91
    """

    learning_rate: Rate = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0


@suggest_keywords("Optimizer")
@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop: step of each weight divided by the root mean square of its gradients (Tieleman and Hinton, 2012).

    ``s = rho * s + (1 - rho) * g ** 2``, ``v = momentum * v - learning_rate * g / (sqrt(s) + epsilon)``, ``w += v``.

    Parameters
    ----------
    learning_rate : float or callable, default 1e-3
        Learning rate > 0, or function that returns the learning rate >= 0 of step 0, 1, ...
    rho : float, default 0.9
        Decay of the running mean of the squared gradients, in [0, 1).
    momentum : float, default 0.0
        Momentum, in [0, 1).
    epsilon : float, default 1e-7
        Number > 0 that is added to the root.
    centered : bool, default False
        Whether the standard deviation of the gradients replaces their root mean square (Graves, 2013).

    See Also
    --------
    Adam : RMSprop with a running mean of the gradients and bias correction.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> layers = [cnn.Dense(32, "relu"), cnn.Dense(10)]
    >>> net = cnn.Network(layers, optimizer=cnn.RMSprop(0.005), input_scale=1 / 16, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=5)
    >>> round(net.score(data.X_test, data.y_test), 2)
    0.96
    """

    learning_rate: Rate = 1e-3
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False

    def hyperparameters(self) -> tuple[str, dict[str, float]]:
        """Return the name of the optimizer in the core, and its hyperparameters except the learning rate."""
        name, hyper = super().hyperparameters()
        return ("centered_rmsprop" if self.centered else name), hyper


@suggest_keywords("Optimizer")
@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Adagrad: step of each weight divided by the root of the sum of its squared gradients (Duchi et al., 2011).

    Parameters
    ----------
    learning_rate : float or callable, default 0.01
        Learning rate > 0, or function that returns the learning rate >= 0 of step 0, 1, ...
    epsilon : float, default 1e-10
        Number > 0 that is added to the root.

    See Also
    --------
    RMSprop : A running mean in place of the sum, so that steps do not shrink.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> layers = [cnn.Dense(32, "relu"), cnn.Dense(10)]
    >>> net = cnn.Network(layers, optimizer=cnn.Adagrad(0.05), input_scale=1 / 16, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=5)
    >>> round(net.score(data.X_test, data.y_test), 2)
    0.96
    """

    learning_rate: Rate = 0.01
    epsilon: float = 1e-10


@suggest_keywords("Optimizer")
@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Adadelta: gradient of each weight, scaled by its root mean square step over its root mean square gradient.

    The method is that of Zeiler (2012).

    Parameters
    ----------
    learning_rate : float or callable, default 1.0
        Factor of the step > 0, or function that returns the factor >= 0 of step 0, 1, ...; the paper has no factor.
    rho : float, default 0.9
        Decay of the running means of the squared gradients and of the squared steps, in [0, 1).
    epsilon : float, default 1e-6
        Number > 0 that is added to both means. The first steps have a size of about ``sqrt(epsilon)``.

    See Also
    --------
    RMSprop : Steps with a learning rate in place of the running mean of the squared steps.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> layers = [cnn.Dense(32, "relu"), cnn.Dense(10)]
    >>> net = cnn.Network(layers, optimizer=cnn.Adadelta(), input_scale=1 / 16, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=10)
    >>> round(net.score(data.X_test, data.y_test), 2)
    0.97
    """

    learning_rate: Rate = 1.0
    rho: float = 0.9
    epsilon: float = 1e-6

    def step_norm(self, rate: float, gradient: Array) -> float:
        """Return an estimate of the norm of the first step."""
        return super().step_norm(rate * self.epsilon**0.5, gradient)


@suggest_keywords("Optimizer")
@dataclass(frozen=True)
class Lion(Optimizer):
    """Lion: learning rate times the sign of a running mean of the gradients (Chen et al., 2023).

    Each weight moves by the learning rate in every step. Use a rate three to ten times smaller than for Adam.

    Parameters
    ----------
    learning_rate : float or callable, default 1e-4
        Learning rate > 0, or function that returns the learning rate >= 0 of step 0, 1, ...
    beta_1, beta_2 : float, default 0.9 and 0.99
        Share of the running mean in the step, and in the update of the mean; the rest is the gradient. In [0, 1).
    weight_decay : float, default 0.0
        Decoupled decay of the weights, >= 0, as in :class:`AdamW`.

    See Also
    --------
    AdamW : Weight decay with steps that depend on the size of the gradients.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer=cnn.Lion(0.1), seed=0)
    >>> net.set_weights([(np.zeros((2, 1)), np.zeros(1))])
    >>> net.fit([[1.0, -20.0]], [5.0], epochs=1, warm_start=True).get_weights()[0][0].ravel()
    array([ 0.1, -0.1], dtype=float32)
    """

    learning_rate: Rate = 1e-4
    beta_1: float = 0.9
    beta_2: float = 0.99
    weight_decay: float = 0.0


@suggest_keywords("Optimizer")
@dataclass(frozen=True)
class Rprop(Optimizer):
    """Resilient propagation, variant iRprop-, for full batches (Igel and Huesken, 2000).

    Each weight has its own step size. The size grows if the sign of the gradient is the same as in the step before. If
    the sign changes, the size shrinks and the weight does not move in this step. The magnitude of the gradient is not
    used.

    Parameters
    ----------
    learning_rate : float or callable, default 0.01
        Size of the first step of each weight. Learning rates of later steps are ignored.
    decrease, increase : float, default 0.5 and 1.2
        Factors of the step size, in (0, 1) and >= 1.
    smallest, largest : float, default 1e-6 and 50.0
        Bounds of the step size, > 0.

    See Also
    --------
    LBFGS : Another optimizer for full batches.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> layers = [cnn.Dense(32, "relu"), cnn.Dense(10)]
    >>> net = cnn.Network(layers, optimizer="rprop", input_scale=1 / 16, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=30, batch_size="full")
    >>> round(net.score(data.X_test, data.y_test), 2)
    0.97
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
