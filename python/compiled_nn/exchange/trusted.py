"""Types of this library in files of skops, which reads only types that its caller trusts.

All of them hold numbers, texts and each other. None of them runs code from a file when it is made.
"""

from __future__ import annotations

_CLASSES = {
    "artefact": {
        "inputs": "Inputs",
        "kept_member": "KeptMember",
        "narrowing": "Ranges",
        "outputs": "Outputs",
        "precision_report": "PrecisionReport",
        "seen": "Seen Summary",
    },
    "estimators": {
        "classifier": "MLPClassifier",
        "network": "EstimatorNetwork",
        "progress": "Progress",
        "random_draws": "RowOrder",
        "regressor": "MLPRegressor",
        "tabular.classifier": "TabularClassifier",
        "tabular.regressor": "TabularRegressor",
        "tabular.report": "Choice Report",
    },
    "losses": {
        "classes": "BinaryCrossEntropy Focal Ordinal SoftmaxCrossEntropy",
        "values": "Gamma GaussianNLL Huber LogCosh MeanAbsoluteError MeanSquaredError Poisson Quantile SquaredError"
        " Tweedie",
    },
    "network": {"ensemble": "Ensemble", "network": "Network"},
    "optimizers": {
        "classes": "SGD Adam AdamW NAdam RAdam RMSprop Adagrad Adadelta Lion Rprop",
        "full_batch": "LBFGS",
    },
    "preprocessing": {
        "columns": "Categorical LeftOut Numeric",
        "dates": "Date",
        "piecewise_linear": "Bins",
        "standardization": "Statistics",
        "tabular": "Tabular",
    },
    "schedules": {
        "cycles": "Cosine WarmUp OneCycle",
        "decay": "Step MultiStep Exponential Linear Polynomial InverseScaling",
    },
    "spec": {
        "configuration": "Configuration",
        "initializers": "Normal Uniform Constant Given WithBiases",
        "layers": "Dense",
        "numeric_embeddings": "Periodic PiecewiseLinear",
    },
    "training": {"targets": "Targets"},
    "uncertainty": {"calibration": "Calibration"},
}


def trusted_types() -> list[str]:
    """Return the types that files of skops with models of this library have, for its parameter `trusted`.

    Returns
    -------
    list of str
        Full names of the classes, and ``numpy.dtype``.

    Examples
    --------
    >>> from compiled_nn.exchange.trusted import trusted_types
    >>> "compiled_nn.network.network.Network" in trusted_types()
    True
    """
    names = [
        f"compiled_nn.{chapter}.{module}.{name}"
        for chapter, modules in _CLASSES.items()
        for module, classes in modules.items()
        for name in classes.split()
    ]
    return [*names, "numpy.dtype"]
