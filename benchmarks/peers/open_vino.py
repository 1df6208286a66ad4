"""OpenVINO on the CPU, latency hint, forced to float32; ``native`` leaves the precision to it (bfloat16 where
it can)."""

import numpy as np
import openvino
from data import Task
from protocol import serve

from peers.onnx_model import make_model


def versions() -> dict[str, str]:
    """Library versions."""
    return {"openvino": openvino.__version__, "numpy": np.__version__}


def blas() -> str:
    """None: oneDNN multiplies the matrices."""
    return "none"


def inference(task: Task, option: str):
    """Prediction by the initial network: a function of X to probabilities."""
    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": task.threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
    if option != "native":
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    compiled = core.compile_model(core.read_model(make_model(task)), "CPU", settings)
    request = compiled.create_infer_request()

    def predict(X: np.ndarray) -> np.ndarray:
        # The input is shared, the output copied: the next call would overwrite a shared one.
        return request.infer([X], share_inputs=True)[0]

    return predict


if __name__ == "__main__":
    serve(__name__)
