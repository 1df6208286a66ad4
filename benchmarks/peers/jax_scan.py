"""JAX: an epoch is one jitted scan, and all steps with the full batch are one jitted loop."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from data import Task
from protocol import serve

jax.config.update("jax_enable_x64", True)


def versions() -> dict[str, str]:
    """Return the versions of the libraries."""
    import jaxlib

    return {"jax": jax.__version__, "jaxlib": jaxlib.__version__, "numpy": np.__version__}


def blas() -> str:
    """Return XLA, whose products are those of Eigen and its own, compiled for this processor."""
    return "XLA"


def forward(parameters, X, hidden: str):
    """Return the logits."""
    for W, b in parameters[:-1]:
        Z = X @ W + b
        X = jax.nn.relu(Z) if hidden == "relu" else jax.nn.sigmoid(Z)
    W, b = parameters[-1]
    return X @ W + b


def mean_loss(parameters, X, y, workload):
    """Return the mean loss of a batch with penalty."""
    Z = forward(parameters, X, workload.hidden)
    if workload.sizes[-1] == 1:
        loss = jnp.mean(jax.nn.softplus(Z[:, 0]) - y * Z[:, 0])
    else:
        chosen = jnp.take_along_axis(Z, y[:, None], axis=1)[:, 0]
        loss = jnp.mean(jax.nn.logsumexp(Z, axis=1) - chosen)
    if workload.l2:
        loss += workload.l2 / 2 * sum(jnp.sum(W**2) for W, _ in parameters)
    return loss


def update(state, gradients, workload):
    """Return (parameters, moments, count) after a step of the optimizer."""
    parameters, moments, count = state
    rate, tree = workload.learning_rate, jax.tree.map
    if workload.optimizer == "sgd":
        return tree(lambda p, g: p - rate * g, parameters, gradients), moments, count
    if workload.optimizer == "momentum":
        v = tree(lambda v, g: workload.momentum * v - rate * g, moments[0], gradients)
        return tree(jnp.add, parameters, v), (v,), count
    count = count + 1
    v = tree(lambda v, g: 0.9 * v + 0.1 * g, moments[0], gradients)
    s = tree(lambda s, g: 0.999 * s + 0.001 * g * g, moments[1], gradients)
    # Computed in float64 for the accuracy of the differences, and converted back so that the arrays keep their dtype.
    dtype = parameters[0][0].dtype
    first, second = (1 - 0.9**count).astype(dtype), (1 - 0.999**count).astype(dtype)

    def updated(p, v, s):
        return p - rate * (v / first) / (jnp.sqrt(s / second) + 1e-8)

    return tree(updated, parameters, v, s), (v, s), count


def step(state, X, y, workload):
    """Return the state after a step on a batch, and the loss."""
    loss, gradients = jax.value_and_grad(mean_loss)(state[0], X, y, workload)
    return update(state, gradients, workload), loss


@partial(jax.jit, static_argnames="workload", donate_argnums=0)
def epoch(state, X, y, order, workload):
    """Train for one epoch: a scan over the whole batches, then a step on the remaining rows."""
    size = workload.batch_size
    whole = workload.rows // size
    if order is None:
        batches = (X[: whole * size].reshape(whole, size, -1), y[: whole * size].reshape(whole, size))

        def body(state, batch):
            return step(state, *batch, workload)
    else:
        batches = order[: whole * size].reshape(whole, size)

        def body(state, rows):
            return step(state, X[rows], y[rows], workload)

    state, losses = jax.lax.scan(body, state, batches)
    total = losses.sum() * size
    rest = workload.rows - whole * size
    if rest:
        tail = slice(whole * size, None) if order is None else order[whole * size :]
        state, loss = step(state, X[tail], y[tail], workload)
        total += loss * rest
    return state, total / workload.rows


@partial(jax.jit, static_argnames="workload", donate_argnums=0)
def descend(state, X, y, steps, workload):
    """Train for `steps` steps with the full batch; `steps` is not static, so that the loop is compiled only once."""

    def body(_, carry):
        state, loss = step(carry[0], X, y, workload)
        return state, loss

    return jax.lax.fori_loop(0, steps, body, (state, jnp.zeros((), X.dtype)))


class Training:
    """One jitted call per epoch, or one for all steps with the full batch.

    Parameters
    ----------
    task : Task
        Workload and data.
    """

    def __init__(self, task: Task) -> None:
        self.task, workload = task, task.workload
        self.rng = np.random.default_rng(0)
        self.X = jnp.asarray(task.X)
        self.y = jnp.asarray(task.y, dtype=task.dtype if workload.sizes[-1] == 1 else jnp.int32)
        parameters = [(jnp.array(W), jnp.array(b)) for W, b in task.weights]
        n_moments = {"sgd": 0, "momentum": 1, "adam": 2}[workload.optimizer]
        moments = tuple(jax.tree.map(jnp.zeros_like, parameters) for _ in range(n_moments))
        self.state = (parameters, moments, jnp.zeros((), jnp.float64))

    def run(self, units: int) -> float:
        """Train for `units` epochs; return the mean loss of the last one."""
        workload = self.task.workload
        if workload.batch is None:
            self.state, loss = descend(self.state, self.X, self.y, units, workload)
            return float(loss)
        for _ in range(units):
            order = jnp.asarray(self.rng.permutation(workload.rows), jnp.int32) if workload.shuffle else None
            self.state, loss = epoch(self.state, self.X, self.y, order, workload)
        jax.block_until_ready(self.state)
        return float(loss)

    def weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the current weights and biases."""
        return [(np.asarray(W), np.asarray(b)) for W, b in self.state[0]]


def training(task: Task, option: str) -> Training:
    """Return a training that starts from the initial weights."""
    return Training(task)


def inference(task: Task, option: str):
    """Return a function from X to the probabilities of the initial network."""
    workload = task.workload
    parameters = [(jnp.array(W), jnp.array(b)) for W, b in task.weights]
    link = jax.nn.sigmoid if workload.sizes[-1] == 1 else jax.nn.softmax
    compiled = jax.jit(lambda parameters, X: link(forward(parameters, X, workload.hidden)))

    def predict(X: np.ndarray) -> np.ndarray:
        return np.asarray(compiled(parameters, X))

    return predict


if __name__ == "__main__":
    serve(__name__)
