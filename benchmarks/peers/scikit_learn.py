"""scikit-learn's MLPClassifier, from the workload's initial weights."""

import warnings

import numpy as np
import sklearn
from data import Task
from protocol import SkippedError, openblas, serve
from sklearn.neural_network import MLPClassifier


def versions() -> dict[str, str]:
    """Library versions."""
    return {"scikit-learn": sklearn.__version__, "numpy": np.__version__}


def blas() -> str:
    """OpenBLAS's kernels."""
    return openblas()


class Classifier(MLPClassifier):
    """MLPClassifier that starts from given weights."""

    def _init_coef(self, fan_in: int, fan_out: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        W, b = self.initial[len(self.coefs_)]
        if W.shape != (fan_in, fan_out):
            raise SkippedError(f"layer of shape {(fan_in, fan_out)}; the workload has {W.shape}")
        return W.copy(), b.copy()


def classifier(task: Task) -> Classifier:
    """The estimator of a workload, not fitted yet."""
    workload = task.workload
    model = Classifier(
        workload.sizes[1:-1],
        activation="relu" if workload.hidden == "relu" else "logistic",
        solver="adam" if workload.optimizer == "adam" else "sgd",
        # The penalty is divided by the rows of the batch there.
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
    """One ``fit`` a sample, of as many epochs as the sample has.

    Parameters
    ----------
    task : Task
        Workload and data.
    """

    def __init__(self, task: Task) -> None:
        self.task, self.model = task, classifier(task)

    def run(self, units: int) -> float:
        """Train so many epochs; the mean loss of the last one."""
        self.model.max_iter = units
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model.fit(self.task.X, self.task.y)
        return self.model.loss_

    def weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Weights and biases as they are now."""
        return list(zip(self.model.coefs_, self.model.intercepts_, strict=True))


def training(task: Task, option: str) -> Training:
    """A training from the initial weights."""
    return Training(task)


def inference(task: Task, option: str):
    """Prediction by the initial network: a function of X to probabilities."""
    model = classifier(task)
    # Fitted only to make it an estimator that predicts; the weights are put back.
    classes = np.arange(max(2, task.workload.sizes[-1]))
    model.set_params(batch_size=1, warm_start=False)
    model.partial_fit(task.X[:1], task.y[:1], classes=classes)
    model.coefs_ = [W.copy() for W, _ in task.weights]
    model.intercepts_ = [b.copy() for _, b in task.weights]
    return model.predict_proba


if __name__ == "__main__":
    serve(__name__)
