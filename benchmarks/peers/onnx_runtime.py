"""ONNX Runtime: a session on the CPU; with ``bound``, input and output buffers are bound only once.

``int8`` has the model quantised to int8, with X as the rows of calibration.
"""

import numpy as np
import onnxruntime
from data import Task
from protocol import serve

from peers.onnx_model import make_model


def versions() -> dict[str, str]:
    """Return the versions of the libraries."""
    return {"onnxruntime": onnxruntime.__version__, "numpy": np.__version__}


def blas() -> str:
    """Return MLAS, the kernels of ONNX Runtime, which chooses them by the processor and does not name them."""
    return "MLAS"


def quantized(task: Task) -> bytes:
    """Return the model with int8 weights for each unit and uint8 activations."""
    import tempfile
    from pathlib import Path

    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Rows(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = iter([{"X": task.X}])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.batches, None)

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        source.write_bytes(make_model(task))
        quantize_static(
            source,
            target,
            Rows(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return target.read_bytes()


def inference(task: Task, option: str):
    """Return a function from X to the probabilities of the initial network."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = task.threads
    options.inter_op_num_threads = 1
    # The defaults of this version, which are the fastest settings: set here, so that a later version keeps them.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    model = quantized(task) if option == "int8" else make_model(task)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    if not option:
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
