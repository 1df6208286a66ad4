"""The peers as data: which file runs each one, in which environment, with which option."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """One competitor.

    Attributes
    ----------
    module : str
        File of this folder that speaks the protocol, without ``.py``.
    environment : str
        Key of `ENVIRONMENTS`; peers may share one.
    option : str
        Variant of the same library, handed to the module. Default ``""``.
    training, inference : bool
        What it takes part in. Default True.
    gemm : bool
        Whether `gemm.py` times its matrix product too. Default False.
    lower_precision : bool
        Whether it may compute in fewer bits than asked; it is shown, but never counts as the best peer.
        Default False.
    default : bool
        Whether it runs when no ``--peers`` is given. Default True.
    """

    module: str
    environment: str
    option: str = ""
    training: bool = True
    inference: bool = True
    gemm: bool = False
    lower_precision: bool = False
    default: bool = True


PEERS = {
    "numpy": Peer("numpy_tutorial", "numpy", gemm=True),
    "sklearn": Peer("scikit_learn", "sklearn"),
    "torch": Peer("torch_eager", "torch", gemm=True),
    "torch-fused": Peer("torch_eager", "torch", "fused", inference=False),
    "torch-compiled": Peer("torch_eager", "torch", "compiled", default=False),
    "jax": Peer("jax_scan", "jax"),
    "onnxruntime": Peer("onnx_runtime", "onnxruntime", training=False),
    "onnxruntime-bound": Peer("onnx_runtime", "onnxruntime", "bound", training=False),
    "openvino": Peer("open_vino", "openvino", training=False),
    "openvino-native": Peer(
        "open_vino", "openvino", "native", training=False, lower_precision=True, default=False
    ),
    "ours": Peer("ours", "ours"),
    "ours-core": Peer("ours", "ours", "core", gemm=True),
}

# Exact versions: a ratio is a statement about a version. "ours" has no entry: it is the interpreter that runs
# the runner, or the one given by --python ours=PATH. threadpoolctl tells which kernels OpenBLAS chose.
THREADPOOLCTL = "threadpoolctl==3.6.0"
ENVIRONMENTS = {
    "numpy": ("numpy==2.4.6", THREADPOOLCTL),
    "sklearn": ("scikit-learn==1.9.1", "numpy==2.4.6", THREADPOOLCTL),
    "torch": ("torch==2.13.0", "numpy==2.4.6", "setuptools", THREADPOOLCTL),
    "jax": ("jax==0.10.2", "jaxlib==0.10.2", "numpy==2.4.6"),
    "onnxruntime": ("onnxruntime==1.31.0", "onnx==1.23.2", "numpy==2.4.6"),
    "openvino": ("openvino==2026.4.0", "onnx==1.23.2", "numpy==2.4.6"),
    "report": ("matplotlib==3.11.2",),
}
