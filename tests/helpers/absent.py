"""Libraries and data that an example of a page or a docstring needs, and that need not be where the tests run."""

LIBRARIES = (
    *("dask", "datasets", "distributed", "fastapi", "h5py", "huggingface_hub", "joblib", "keras", "lightgbm"),
    *("matplotlib", "mlflow", "onnx", "onnxruntime", "optuna", "pandas", "PIL", "polars", "pyarrow"),
    *("safetensors", "scipy", "skl2onnx", "sklearn", "skops", "skorch", "threadpoolctl", "torch"),
)
# Warning of Keras, which converts its variables to arrays in a form that NumPy 2 will no longer accept.
KERAS = "__array__ implementation doesn't accept a copy"
NO_DATA = "was not found. Looked in"  # part of each message about absent data
OF_AN_EXTRA = 'pip install "compiled-nn['  # part of each message about a library that an extra installs


def absent(error):
    """Return the reason to skip an example with this error, or None if the error is a fault."""
    text = str(error)
    if isinstance(error, ModuleNotFoundError) and str(error.name).split(".")[0] in LIBRARIES:
        return f"{error.name} is not installed"
    if isinstance(error, ImportError) and OF_AN_EXTRA in text:
        return text
    if isinstance(error, FileNotFoundError) and NO_DATA in text:
        return text.splitlines()[0]
    return None


def absent_in(output):
    """Return the first line of an output that says that an extra is not installed, or None."""
    return next((line for line in output if OF_AN_EXTRA in line), None)
