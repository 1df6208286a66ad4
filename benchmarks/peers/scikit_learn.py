"""scikit-learn's MLPClassifier, with the initial weights of the workload."""

import warnings

import numpy as np
import sklearn
from data import Task
from protocol import SkippedError, openblas, serve
from sklearn.neural_network import MLPClassifier


def versions() -> dict[str, str]:
    """Return the versions of the libraries."""
    return {"scikit-learn": sklearn.__version__, "numpy": np.__version__}


def blas() -> str:
    """Return OpenBLAS and its kernels."""
    return openblas()


class Classifier(MLPClassifier):
    """MLPClassifier with given initial weights."""

    def _init_coef(self, fan_in: int, fan_out: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        W, b = self.initial[len(self.coefs_)]
        if W.shape != (fan_in, fan_out):
            raise SkippedError(f"a layer has shape {(fan_in, fan_out)}; that of the workload has {W.shape}")
        return W.copy(), b.copy()


def classifier(task: Task) -> Classifier:
    """Return the estimator of a workload before fit."""
    workload = task.workload
    model = Classifier(
        workload.sizes[1:-1],
        activation="relu" if workload.hidden == "relu" else "logistic",
        solver="adam" if workload.optimizer == "adam" else "sgd",
        # scikit-learn divides the penalty by the rows of the batch.
        alpha=workload.l2 * workload.batch_size,
        batch_size=workload.batch_size,
        learning_rate_init=workload.learning_rate,
        momentum=workload.momentum if workload.optimizer == "momentum" else 0.0,
        nesterovs_momentum=False,
        shuffle=workload.shuffle,
        tol=0.0,
        n_iter_no_change=10**9,
        random_state=0,
        warm_start=True,
    )
    model.initial = task.weights
    return model


class Training:
    """Training by ``fit``, with one call per sample.

    Parameters
    ----------
    task : Task
        Workload and data.
    """

    def __init__(self, task: Task) -> None:
        self.task, self.model = task, classifier(task)

    def run(self, units: int) -> float:
        """Train for `units` epochs; return the mean loss of the last one."""
        self.model.max_iter = units
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model.fit(self.task.X, self.task.y)
        return self.model.loss_

    def weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the current weights and biases."""
        return list(zip(self.model.coefs_, self.model.intercepts_, strict=True))


def training(task: Task, option: str) -> Training:
    """Return a training that starts from the initial weights."""
    return Training(task)


def inference(task: Task, option: str):
    """Return a function from X to the probabilities of the initial network."""
    model = classifier(task)
    # partial_fit makes the estimator ready to predict; then the initial weights are restored.
    classes = np.arange(max(2, task.workload.sizes[-1]))
    model.set_params(batch_size=1, warm_start=False)
    model.partial_fit(task.X[:1], task.y[:1], classes=classes)
    model.coefs_ = [W.copy() for W, _ in task.weights]
    model.intercepts_ = [b.copy() for _, b in task.weights]
    return model.predict_proba


if __name__ == "__main__":
    serve(__name__)
