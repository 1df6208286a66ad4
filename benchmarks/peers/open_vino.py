"""OpenVINO on the CPU, for low latency, in float32; with ``native`` it chooses the precision, such as bfloat16."""

import numpy as np
import openvino
from data import Task
from protocol import serve

from peers.onnx_model import make_model


def versions() -> dict[str, str]:
    """Return the versions of the libraries."""
    return {"openvino": openvino.__version__, "numpy": np.__version__}


def blas() -> str:
    """Return "none": oneDNN computes the matrix products."""
    return "none"


def inference(task: Task, option: str):
    """Return a function from X to the probabilities of the initial network."""
    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": task.threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
    if option != "native":
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    compiled = core.compile_model(core.read_model(make_model(task)), "CPU", settings)
    request = compiled.create_infer_request()

    def predict(X: np.ndarray) -> np.ndarray:
        # The input is shared; the output is copied, because the next call would overwrite a shared one.
        return request.infer([X], share_inputs=True)[0]

    return predict


if __name__ == "__main__":
    serve(__name__)
