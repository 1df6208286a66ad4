"""ONNX Runtime: a session on the CPU; with ``bound``, input and output buffers are bound only once."""

import numpy as np
import onnxruntime
from data import Task
from protocol import serve

from peers.onnx_model import make_model


def versions() -> dict[str, str]:
    """Return the versions of the libraries."""
    return {"onnxruntime": onnxruntime.__version__, "numpy": np.__version__}


def blas() -> str:
    """Return "none": MLAS computes the matrix products."""
    return "none"


def inference(task: Task, option: str):
    """Return a function from X to the probabilities of the initial network."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = task.threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(make_model(task), options, providers=["CPUExecutionProvider"])
    if option != "bound":
        names = ["probabilities"]

        def predict(X: np.ndarray) -> np.ndarray:
            return session.run(names, {"X": X})[0]

        return predict

    out = np.empty((task.workload.rows, task.workload.sizes[-1]), task.dtype)
    binding = session.io_binding()
    for bind, name, array in ((binding.bind_input, "X", task.X), (binding.bind_output, "probabilities", out)):
        bind(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)

    def predict_bound(X: np.ndarray) -> np.ndarray:
        session.run_with_iobinding(binding)
        return out

    return predict_bound


if __name__ == "__main__":
    serve(__name__)
