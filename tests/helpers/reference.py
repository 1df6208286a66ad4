"""Reference implementation: dense networks in plain NumPy, written for readability.

m is the number of rows of the batch, k that of the inputs of a layer, n that of its units. X is (m, k), W is (k, n), b
is (n,) or None. A network is a list of (W, b), with one name of an activation per layer. The last activation is the
*link*: losses are computed from the logits z before it. The arithmetic has the dtype of the arguments: float64, or
longdouble for tables of values. Only `central_differences` modifies its arguments, and restores them.
"""

import numpy as np
import unfused
from unfused import UNFUSED

# -- activations: f(z) and f'(z), (m, n) -> (m, n) -------------------------------------------------


def identity(z):
    return z


def identity_derivative(z):
    return np.ones_like(z)


def relu(z):
    return np.where(z <= 0, 0, z).astype(z.dtype)  # written so that NaN stays NaN


def relu_derivative(z):
    return (z > 0).astype(z.dtype)  # 0 at 0


def sigmoid(z):
    e = np.exp(-np.abs(z))  # at most 1
    return np.where(z < 0, e, 1) / (1 + e)


def sigmoid_derivative(z):
    a = sigmoid(z)
    return a * (1 - a)


def tanh(z):
    return np.tanh(z)


def tanh_derivative(z):
    return 1 - np.tanh(z) ** 2


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def smooth_clip(z):
    return z / np.sqrt(1 + (z / 3) ** 2)


def bins(z, edges, gain):
    """Return the inputs (m, n) of the n bins of a column z (m,) between n + 1 edges."""
    position = (z[:, np.newaxis] - edges[:-1]) / np.diff(edges)
    low, high = np.zeros(len(edges) - 1), np.ones(len(edges) - 1)
    low[0], high[-1] = -1, 2
    return gain * np.clip(position, low, high)


ACTIVATIONS = {
    "identity": (identity, identity_derivative),
    "relu": (relu, relu_derivative),
    "sigmoid": (sigmoid, sigmoid_derivative),
    "tanh": (tanh, tanh_derivative),
    "softmax": (softmax, None),  # only as a link
    **UNFUSED,
}
# As in `unfused`: the largest errors, and f' at its jumps.
ULP = {"identity": 0, "relu": 0, "sigmoid": 2.5, "tanh": 1.5, **unfused.ULP}
SLOPES = {"relu": {0: 0}, **unfused.SLOPES}

# -- losses: mean over the m rows, from the logits, and the gradient with respect to z --------------


def binary_cross_entropy(z, y):
    """Return the mean of the sum over the n outputs of -y log sigmoid(z) - (1 - y) log(1 - sigmoid(z))."""
    return np.sum(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))) / len(z)


def binary_cross_entropy_gradient(z, y):
    return (sigmoid(z) - y) / len(z)


def softmax_cross_entropy(z, y):
    """Return the mean of -sum_j y_j log softmax(z)_j; y is (m,) class indices or (m, n) rows that sum to 1."""
    y = one_hot(y, z)
    top = z.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(z - top).sum(axis=1, keepdims=True))
    return np.sum(y * (log_sum + (top - z))) / len(z)


def softmax_cross_entropy_gradient(z, y):
    return (softmax(z) - one_hot(y, z)) / len(z)


def mse(z, y):
    """Return the mean of the sum over the n outputs of (z - y)^2."""
    return np.sum((z - y) ** 2) / len(z)


def mse_gradient(z, y):
    return 2 * (z - y) / len(z)


def one_hot(y, z):
    """Return class indices (m,) as one-hot rows in the shape of z, and (m, n) targets unchanged."""
    return y if y.ndim == 2 else (y[:, None] == np.arange(z.shape[1])).astype(z.dtype)


LOSSES = {
    "binary_cross_entropy": (binary_cross_entropy, binary_cross_entropy_gradient),
    "softmax_cross_entropy": (softmax_cross_entropy, softmax_cross_entropy_gradient),
    "mse": (mse, mse_gradient),
}

# Losses of each row, (m, n) and (m, c) -> (m,); the tests compute their gradients by differences.


def distances(d, size):
    """Return the sum over the outputs of size(d), where d is z - y or its absolute value."""
    return size(d).sum(axis=1)


def huber(z, y, delta=1.0):
    return distances(np.abs(z - y), lambda d: np.where(d <= delta, d**2 / 2, delta * (d - delta / 2)))


def tweedie(z, y, power=1.5):
    """Return half the deviance of the mean exp(z)."""
    mean = np.exp(z)
    if power == 1:
        logs = np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / mean), 0)
        return (logs - y + mean).sum(axis=1)
    if power == 2:
        return (np.log(mean / y) + y / mean - 1).sum(axis=1)
    a, b = 1 - power, 2 - power
    return (y**b / (a * b) - y * mean**a / a + mean**b / b).sum(axis=1)


def quantile(z, y, quantiles=(0.1, 0.5, 0.9)):
    q = np.array(quantiles)
    return np.maximum(q * (y - z), (q - 1) * (y - z)).sum(axis=1)


def gaussian_nll(z, y):
    """Return minus the log of the normal density for z = (means, s) and variances exp(s)."""
    mean, variance = z[:, : y.shape[1]], np.exp(z[:, y.shape[1] :])
    return -np.log(np.exp(-((y - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)).sum(axis=1)


def binary(z, y, gamma=0.0, label_smoothing=0.0, pos_weight=1.0):
    p, y = sigmoid(z), y * (1 - label_smoothing) + label_smoothing / 2
    yes, no = -((1 - p) ** gamma) * np.log(p), -(p**gamma) * np.log(1 - p)
    return (pos_weight * y * yes + (1 - y) * no).sum(axis=1)


def multiclass(z, y, gamma=0.0, label_smoothing=0.0):
    p, y = softmax(z), one_hot(y, z) * (1 - label_smoothing) + label_smoothing / z.shape[1]
    return -(y * (1 - p) ** gamma * np.log(p)).sum(axis=1)


def ordinal_probabilities(z):
    """Return P(y = k) (m, n + 1) as differences of P(y > j), whose logits decrease by log(1 + exp(z_j))."""
    a = np.cumsum(np.hstack([z[:, :1], -np.log1p(np.exp(z[:, 1:]))]), axis=1)
    above = np.hstack([np.ones((len(z), 1)), sigmoid(a), np.zeros((len(z), 1))])
    return above[:, :-1] - above[:, 1:]


def ordinal(z, y):
    return -np.log(ordinal_probabilities(z)[np.arange(len(z)), y])


ROW_LOSSES = {
    "mse": lambda z, y: distances(z - y, np.square),
    "squared_error": lambda z, y: distances(z - y, np.square) / 2,
    "mae": lambda z, y: distances(z - y, np.abs),
    "huber": huber,
    "log_cosh": lambda z, y: distances(z - y, lambda d: np.log(np.cosh(d))),
    "tweedie": tweedie,
    "quantile": quantile,
    "gaussian_nll": gaussian_nll,
    "binary_cross_entropy": binary,
    "softmax_cross_entropy": multiclass,
    "ordinal": ordinal,
}
UNBOUNDED = ("mse", "squared_error", "tweedie", "gaussian_nll")  # those whose derivative grows with |z|

# -- the network -----------------------------------------------------------------------------------


def pre_activations(network, activations, X, product=np.matmul):
    """Return z of each layer, [(m, n1), ..., (m, nL)]; `product` as for `gradient`."""
    zs, a = [], X
    for (W, b), name in zip(network, activations, strict=True):
        z = product(a, W) if b is None else product(a, W) + b
        zs.append(z)
        a = ACTIVATIONS[name][0](z)
    return zs


def forward(network, activations, X, *, link=True):
    """Return the outputs (m, nL), or the logits with ``link=False``."""
    z = pre_activations(network, activations, X)[-1]
    return ACTIVATIONS[activations[-1]][0](z) if link else z


def penalty(network, l1=0.0, l2=0.0):
    """Return l2 / 2 sum(W^2) + l1 sum(|W|) over the weights, without the biases."""
    return sum(l2 / 2 * np.sum(W**2) + l1 * np.sum(np.abs(W)) for W, _ in network)


def loss(network, activations, X, y, name, *, activated=False):
    """Return the mean loss without the penalty; `activated`: of the last layer's outputs instead of its logits."""
    return LOSSES[name][0](forward(network, activations, X, link=activated), y)


def bfloat16(x):
    """Return x rounded to float32, and then to bfloat16: to nearest, ties to even, without subnormal numbers."""
    x = np.asarray(x, np.float32)
    mantissa, exponent = np.frexp(x.astype(np.float64))
    return np.where(np.abs(x) < 2.0**-126, 0.0, np.ldexp(np.rint(mantissa * 256), exponent - 8))


def product_of_bfloat16(a, b):
    """Return the product of a and b, rounded to bfloat16."""
    return bfloat16(a) @ bfloat16(b)


def gradient(network, activations, X, y, name, *, l1=0.0, l2=0.0, activated=False, product=np.matmul):
    """Return (loss, penalty, [(dW, db), ...]), by back-propagation of loss + penalty; `activated` as for `loss`.

    `product` computes the products of matrices, forward and backward.
    """
    zs = pre_activations(network, activations, X, product)
    inputs = [X] + [ACTIVATIONS[f][0](z) for f, z in zip(activations[:-1], zs[:-1], strict=True)]
    f, slope = ACTIVATIONS[activations[-1] if activated else "identity"]
    value, dz = LOSSES[name][0](f(zs[-1]), y), LOSSES[name][1](f(zs[-1]), y) * slope(zs[-1])
    gradients = []
    for layer in reversed(range(len(network))):
        W, b = network[layer]
        dW = product(inputs[layer].T, dz) + l2 * W + l1 * np.sign(W)  # sign(0) = 0: the subgradient
        gradients.insert(0, (dW, None if b is None else dz.sum(axis=0)))
        if layer > 0:
            da = product(dz, W.T)
            dz = da * ACTIVATIONS[activations[layer - 1]][1](zs[layer - 1])
    return value, penalty(network, l1, l2), gradients


# -- blocks: normalised and residual layers ---------------------------------------------------------

EPSILON = 1e-5


def normalize(norm, z, statistics=None):
    """Return the normalised z (m, n): over the units of each row for "layer" and "rms", over the rows for "batch".

    `statistics`, a mean and a variance (n,), replace those of the batch.
    """
    if norm == "batch":
        mean, variance = (z.mean(axis=0), z.var(axis=0)) if statistics is None else statistics
    elif norm == "layer":
        mean, variance = z.mean(axis=1, keepdims=True), z.var(axis=1, keepdims=True)
    else:
        mean, variance = 0.0, np.mean(z**2, axis=1, keepdims=True)
    return (z - mean) / np.sqrt(variance + EPSILON)


def moved_statistics(statistics, z, batch_size):
    """Return the running mean and variance (n,) after a batch z (m, n): by a tenth towards those of a full batch.

    A last batch of fewer rows counts in proportion to them, and one row not at all.
    """
    if len(z) == 1:
        return statistics
    part = 0.1 * len(z) / batch_size
    now = z.mean(axis=0), z.var(axis=0, ddof=1)
    return tuple(r + part * (s - r) for r, s in zip(statistics, now, strict=True))


def block_forward(network, gains, norms, residuals, activations, X, statistics=None):
    """Return the logits of layers f(gain * normalize(z) + b), plus their input for residual layers.

    `statistics`, one (mean, variance) per layer, replace those of the batch.
    """
    a = X
    for i, (W, b) in enumerate(network):
        z = a @ W
        if norms[i] is not None:
            z = gains[i] * normalize(norms[i], z, None if statistics is None else statistics[i])
        z = z if b is None else z + b
        if i == len(network) - 1:
            return z
        a = ACTIVATIONS[activations[i]][0](z) + (a if residuals[i] else 0.0)


# -- optimizers: step(network, gradients, rate) -> the new network; the object keeps the state -------


def combine(f, *networks):
    """Return the network of f applied to the corresponding arrays of `networks`; a missing bias stays None."""
    result = []
    for layers in zip(*networks, strict=True):
        Ws, bs = zip(*layers, strict=True)
        result.append((f(*Ws), None if bs[0] is None else f(*bs)))
    return result


class SGD:
    def step(self, network, gradients, rate):
        return combine(lambda w, g: w - rate * g, network, gradients)


class Momentum:
    """v = momentum v - rate g; w = w + v."""

    def __init__(self, momentum=0.9):
        self.momentum = momentum
        self.velocity = None

    def advance(self, network, gradients, rate):
        if self.velocity is None:
            self.velocity = combine(np.zeros_like, network)
        self.velocity = combine(lambda v, g: self.momentum * v - rate * g, self.velocity, gradients)

    def step(self, network, gradients, rate):
        self.advance(network, gradients, rate)
        return combine(lambda w, v: w + v, network, self.velocity)


class Nesterov(Momentum):
    """v as for Momentum; w = w + momentum v - rate g."""

    def step(self, network, gradients, rate):
        self.advance(network, gradients, rate)
        return combine(lambda w, v, g: w + self.momentum * v - rate * g, network, self.velocity, gradients)


class Adam:
    """Adam (Kingma and Ba) with bias correction; epsilon is added to the root of the corrected second moment."""

    def __init__(self, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.first = self.second = None
        self.steps = 0

    def step(self, network, gradients, rate):
        if self.first is None:
            self.first = self.second = combine(np.zeros_like, network)
        self.steps += 1
        self.first = combine(lambda u, g: self.beta_1 * u + (1 - self.beta_1) * g, self.first, gradients)
        self.second = combine(lambda v, g: self.beta_2 * v + (1 - self.beta_2) * g**2, self.second, gradients)
        first_correction = 1 - self.beta_1**self.steps
        second_correction = 1 - self.beta_2**self.steps

        def move(w, u, v):
            return w - rate * (u / first_correction) / (np.sqrt(v / second_correction) + self.epsilon)

        return combine(move, network, self.first, self.second)


class AdamW(Adam):
    """Adam after w = w - rate weight_decay w; biases do not decay."""

    def __init__(self, beta_1=0.9, beta_2=0.999, epsilon=1e-8, weight_decay=0.01):
        super().__init__(beta_1, beta_2, epsilon)
        self.weight_decay = weight_decay

    def step(self, network, gradients, rate):
        decayed = [(W - rate * self.weight_decay * W, b) for W, b in network]
        return super().step(decayed, gradients, rate)


class Decaying:
    """Base class of methods with decoupled weight decay, which does not apply to biases; it keeps moments by name."""

    def __init__(self, weight_decay=0.0, **hyper):
        self.weight_decay = weight_decay
        self.steps = 0
        vars(self).update(hyper)

    def step(self, network, gradients, rate):
        self.steps += 1
        decayed = [(W - rate * self.weight_decay * W, b) for W, b in network]
        return combine(lambda w, d: w + d, decayed, self.direction(gradients, rate))

    def remember(self, name, f, *networks):
        """Update a moment by f(moment, ...), starting from 0, and return it."""
        before = getattr(self, name, None) or combine(np.zeros_like, networks[0])
        setattr(self, name, combine(f, before, *networks))
        return getattr(self, name)

    def means(self, gradients):
        """Update and return the two moments of Adam."""
        b1, b2 = self.beta_1, self.beta_2
        first = self.remember("first", lambda u, g: b1 * u + (1 - b1) * g, gradients)
        return first, self.remember("second", lambda v, g: b2 * v + (1 - b2) * g**2, gradients)


class AMSGrad(Decaying):
    """Adam with the largest second moment so far."""

    def __init__(self, beta_1=0.9, beta_2=0.999, epsilon=1e-8, weight_decay=0.0):
        super().__init__(weight_decay, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    def direction(self, gradients, rate):
        first, second = self.means(gradients)
        largest = self.remember("third", np.maximum, second)
        c1, c2 = 1 - self.beta_1**self.steps, 1 - self.beta_2**self.steps
        return combine(lambda u, v: -rate * (u / c1) / (np.sqrt(v / c2) + self.epsilon), first, largest)


class NAdam(AMSGrad):
    """Adam with Nesterov momentum that increases from step to step (Dozat)."""

    def __init__(self, beta_1=0.9, beta_2=0.999, epsilon=1e-8, momentum_decay=0.004, weight_decay=0.0):
        super().__init__(beta_1, beta_2, epsilon, weight_decay)
        self.momentum_decay = momentum_decay

    def direction(self, gradients, rate):
        first, second = self.means(gradients)
        mu = [self.beta_1 * (1 - 0.96 ** (t * self.momentum_decay) / 2) for t in range(1, self.steps + 2)]
        now, following, c2 = np.prod(mu[:-1]), np.prod(mu), 1 - self.beta_2**self.steps

        def move(u, v, g):
            ahead = mu[-1] * u / (1 - following) + (1 - mu[-2]) * g / (1 - now)
            return -rate * ahead / (np.sqrt(v / c2) + self.epsilon)

        return combine(move, first, second, gradients)


class RAdam(AMSGrad):
    """Adam with the variance of its adaptive rate rectified (Liu et al., algorithm 2)."""

    def direction(self, gradients, rate):
        first, second = self.means(gradients)
        t, c1, c2 = self.steps, 1 - self.beta_1**self.steps, 1 - self.beta_2**self.steps
        most = 2 / (1 - self.beta_2) - 1
        length = most - 2 * t * self.beta_2**t / (1 - self.beta_2**t)
        if length <= 5:
            return combine(lambda u: -rate * u / c1, first)
        r = np.sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length))
        return combine(
            lambda u, v: -rate * u / c1 * r * np.sqrt(c2) / (np.sqrt(v) + self.epsilon), first, second
        )


class RMSprop(Decaying):
    """Learning rate divided by the root of the mean square; v = momentum v - rate g / root."""

    centered = False

    def __init__(self, rho=0.9, momentum=0.0, epsilon=1e-7):
        super().__init__(rho=rho, momentum=momentum, epsilon=epsilon)

    def direction(self, gradients, rate):
        rho = self.rho
        square = self.remember("second", lambda v, g: rho * v + (1 - rho) * g**2, gradients)
        if self.centered:
            mean = self.remember("third", lambda u, g: rho * u + (1 - rho) * g, gradients)
            square = combine(lambda v, u: v - u**2, square, mean)

        def move(v, g, s):
            return self.momentum * v - rate * g / (np.sqrt(s) + self.epsilon)

        return self.remember("velocity", move, gradients, square)


class CenteredRMSprop(RMSprop):
    """RMSprop with the variance in place of the mean square."""

    centered = True


class Adagrad(Decaying):
    """Learning rate divided by the root of the sum of all squares."""

    def __init__(self, epsilon=1e-10):
        super().__init__(epsilon=epsilon)

    def direction(self, gradients, rate):
        total = self.remember("total", lambda s, g: s + g**2, gradients)
        return combine(lambda s, g: -rate * g / (np.sqrt(s) + self.epsilon), total, gradients)


class Adadelta(Decaying):
    """Gradient multiplied by the root of the mean square of the steps, and divided by that of the gradients."""

    def __init__(self, rho=0.9, epsilon=1e-6):
        super().__init__(rho=rho, epsilon=epsilon)

    def direction(self, gradients, rate):
        rho, epsilon = self.rho, self.epsilon
        square = self.remember("first", lambda s, g: rho * s + (1 - rho) * g**2, gradients)
        before = getattr(self, "second", None) or combine(np.zeros_like, gradients)
        delta = combine(lambda s, u, g: np.sqrt((u + epsilon) / (s + epsilon)) * g, square, before, gradients)
        self.remember("second", lambda u, d: rho * u + (1 - rho) * d**2, delta)
        return combine(lambda d: -rate * d, delta)


class Lion(Decaying):
    """Steps by the sign of a mean of the gradients (Chen et al., algorithm 2)."""

    def __init__(self, beta_1=0.9, beta_2=0.99, weight_decay=0.0):
        super().__init__(weight_decay, beta_1=beta_1, beta_2=beta_2)

    def direction(self, gradients, rate):
        before = getattr(self, "first", None) or combine(np.zeros_like, gradients)
        self.remember("first", lambda m, g: self.beta_2 * m + (1 - self.beta_2) * g, gradients)
        return combine(
            lambda m, g: -rate * np.sign(self.beta_1 * m + (1 - self.beta_1) * g), before, gradients
        )


class Rprop(Decaying):
    """iRprop-: one step size per weight, at first the rate, which grows while the gradient keeps its sign."""

    def __init__(self, decrease=0.5, increase=1.2, smallest=1e-6, largest=50.0):
        super().__init__(decrease=decrease, increase=increase, smallest=smallest, largest=largest)
        self.sizes = self.last = None

    def direction(self, gradients, rate):
        if self.sizes is None:
            self.sizes = self.last = combine(np.zeros_like, gradients)
        self.sizes = combine(lambda d, g: np.where((d == 0) & (g != 0), rate, d), self.sizes, gradients)
        turned = combine(lambda g, p: np.sign(g) * np.sign(p), gradients, self.last)
        self.sizes = combine(self.resize, self.sizes, turned)
        self.last = combine(lambda g, s: np.where(s < 0, 0, g), gradients, turned)
        return combine(lambda g, d: -np.sign(g) * d, self.last, self.sizes)

    def resize(self, size, turned):
        grown = np.minimum(size * self.increase, self.largest)
        shrunk = np.maximum(size * self.decrease, self.smallest)
        return np.select([turned > 0, turned < 0], [grown, shrunk], size)


OPTIMIZERS = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adam": Adam,
    "adamw": AdamW,
    "amsgrad": AMSGrad,
    "nadam": NAdam,
    "radam": RAdam,
    "rmsprop": RMSprop,
    "centered_rmsprop": CenteredRMSprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "lion": Lion,
    "rprop": Rprop,
}
_ADAM = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-6}
HYPER = {  # hyperparameters under which ten steps depend on each of them; radam is rectified from step 6 on
    "sgd": {},
    "momentum": {"momentum": 0.8},
    "nesterov": {"momentum": 0.8},
    "adam": _ADAM,
    "adamw": {**_ADAM, "weight_decay": 0.1},
    "amsgrad": {**_ADAM, "weight_decay": 0.1},
    "nadam": {**_ADAM, "epsilon": 1e-3, "momentum_decay": 0.3, "weight_decay": 0.1},
    "radam": {**_ADAM, "weight_decay": 0.1},
    "rmsprop": {"rho": 0.8, "momentum": 0.5, "epsilon": 0.03},
    "centered_rmsprop": {"rho": 0.8, "momentum": 0.5, "epsilon": 1e-3},
    "adagrad": {"epsilon": 1e-6},
    "adadelta": {"rho": 0.8, "epsilon": 1e-4},
    "lion": {"beta_1": 0.8, "beta_2": 0.95, "weight_decay": 0.1},
    "rprop": {"decrease": 0.4, "increase": 1.3, "smallest": 1e-4, "largest": 0.06},
}
SIGNS = ("lion", "rprop")  # a step is a sign of the gradient: not a smooth function of it
MOMENTS = {  # attributes of the classes, in the order of the core; "first" and "second" for the others
    "sgd": (),
    "momentum": ("velocity",),
    "nesterov": ("velocity",),
    "amsgrad": ("first", "second", "third"),
    "rmsprop": ("velocity", "second"),
    "centered_rmsprop": ("velocity", "second", "third"),
    "adagrad": ("total",),
    "lion": ("first",),
    "rprop": ("last", "sizes"),
}
RATES = {  # learning rates with which a small network learns xor; 0.02 for the others
    **{"sgd": 0.5, "momentum": 0.2, "nesterov": 0.2, "adagrad": 0.2, "adadelta": 10.0, "lion": 0.005},
    "rprop": 0.05,
}


class Updated:
    """One optimizer per layer, each with a factor of the rate, applied to the clipped gradient of the network.

    `average` returns the mean of the networks of all steps, weighted by powers of `ema`.
    """

    def __init__(self, name, hyper, factors, clip_norm=np.inf, clip_value=np.inf, ema=None):
        self.optimizers = [OPTIMIZERS[name](**hyper) for _ in factors]
        self.factors, self.clip_norm, self.clip_value, self.ema = factors, clip_norm, clip_value, ema
        self.norms, self.networks = [], []

    def step(self, network, gradients, rate):
        counting = [layer for layer, factor in zip(gradients, self.factors, strict=True) if factor != 0]
        norm = np.sqrt(sum((g**2).sum() for layer in counting for g in layer if g is not None))
        self.norms.append(norm)
        factor = min(1.0, self.clip_norm / norm) if norm > 0 else 1.0
        gradients = combine(lambda g: np.clip(factor * g, -self.clip_value, self.clip_value), gradients)
        result = [
            optimizer.step([layer], [gradient], rate * factor)[0] if factor != 0 else layer
            for optimizer, layer, gradient, factor in zip(
                self.optimizers, network, gradients, self.factors, strict=True
            )
        ]
        self.networks.append(result)
        return result

    def average(self):
        weights = self.ema ** np.arange(len(self.networks))[::-1]
        return combine(lambda *w: np.average(w, axis=0, weights=weights), *self.networks)


def train(network, activations, X, y, name, optimizer, order, rates, *, batch_size, l1=0.0, l2=0.0):
    """Train for one epoch over the rows of `order`; return (new network, mean loss, penalty).

    The loss of each row is that before the step of its batch; the penalty is that of the new network.
    """
    order = np.arange(len(X)) if order is None else order
    total = 0.0
    for step, start in enumerate(range(0, len(order), batch_size)):
        rows = order[start : start + batch_size]
        value, _, gradients = gradient(network, activations, X[rows], y[rows], name, l1=l1, l2=l2)
        network = optimizer.step(network, gradients, rates[step])
        total += value * len(rows)
    return network, total / len(order), penalty(network, l1, l2)


# -- for the tests ---------------------------------------------------------------------------------


def central_differences(f, network, h=1e-4):
    """Return the gradients [(dW, db), ...] of the scalar f() by central differences of order 4.

    Each number of `network` is changed in place and restored. f' = (f(-2h) - 8 f(-h) + 8 f(h) - f(2h)) / 12h; its error
    is of the order of h^4, and of rounding / h.
    """

    def derivatives(array):
        result = np.empty(array.shape)
        for index in np.ndindex(array.shape):
            start, total = array[index], 0.0
            for steps, factor in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
                array[index] = start + steps * h
                total += factor * f()
            array[index] = start
            result[index] = total / (12 * h)
        return result

    return combine(derivatives, network)


def initial_weights(sizes, rng, biases=None):
    """Return float64 weights and biases of at least 0.1 of the largest size, so that the kink of |W| is not near."""

    def draw(*shape):
        return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.1, 1.0, shape)

    biases = [True] * (len(sizes) - 1) if biases is None else biases
    return [
        (draw(k, n) * np.sqrt(3 / k), draw(n) if bias else None)
        for k, n, bias in zip(sizes[:-1], sizes[1:], biases, strict=True)
    ]
