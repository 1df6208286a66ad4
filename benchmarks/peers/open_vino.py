"""OpenVINO on the CPU, for low latency.

Options, separated by commas: ``bound`` binds its tensors once; ``native`` leaves the precision to it, such as bfloat16.
"""

import numpy as np
import openvino
from data import Task
from protocol import serve

from peers.onnx_model import make_model


def versions() -> dict[str, str]:
    """Return the versions of the libraries."""
    return {"openvino": openvino.__version__, "numpy": np.__version__}


def blas() -> str:
    """Return oneDNN, with the types that it has kernels of on this processor."""
    types = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return f"oneDNN {' '.join(kind for kind in ('FP32', 'BF16', 'FP16', 'INT8') if kind in types)}"


def inference(task: Task, option: str):
    """Return a function from X to the probabilities of the initial network."""
    options = option.split(",")
    core = openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": task.threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "EXECUTION_MODE_HINT": "PERFORMANCE",
        "ENABLE_CPU_PINNING": False,  # the process is pinned already
    }
    if "native" not in options:
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    compiled = core.compile_model(core.read_model(make_model(task)), "CPU", settings)
    request = compiled.create_infer_request()
    if "bound" not in options:

        def predict(X: np.ndarray) -> np.ndarray:
            # The input is shared; the output is copied, because the next call would overwrite a shared one.
            return request.infer([X], share_inputs=True)[0]

        return predict

    out = np.empty((task.workload.rows, task.workload.sizes[-1]), task.dtype)
    request.set_input_tensor(openvino.Tensor(task.X, shared_memory=True))
    request.set_output_tensor(openvino.Tensor(out, shared_memory=True))

    def predict_bound(X: np.ndarray) -> np.ndarray:
        request.infer(share_inputs=True, share_outputs=True)
        return out

    return predict_bound


if __name__ == "__main__":
    serve(__name__)
