"""Files of tabular estimators: the file of the ensemble, with the estimator in its metadata.

The file is that of ``ensemble_file.py``, and ``compiled_nn.load`` reads the ensemble from it. The metadata have one
more key, ``compiled_nn_estimator``:

    format_version    1
    estimator         name of the class
    parameters        parameters that differ from their defaults, by name, as values of ``json_values.py``
    label_dtype       dtype of the labels or values of y
    report            list of [name, value, reason]: the choices of fit
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..._version import __version__
from ...common import checks
from ...files import ensemble_file, network_file, recorded
from ...files.documents import parse_json
from ...files.network_file import ESTIMATOR
from ...files.safetensors_file import open_tensors, write_tensors
from ...files.schemas import array, fail, text
from ...network.ensemble import Ensemble
from .. import file_schemas
from ..json_values import from_json, to_json
from .report import Choice, Report

if TYPE_CHECKING:
    from ...files.places import Readable, Writable
    from .parameters import TabularParameters

_VERSION = 1
_FIELDS = ("format_version", "estimator", "parameters", "label_dtype", "report")
_MOST_CHOICES, _MOST_NUMBERS = 100, 1000
_TEXT = text()


def write(
    path: Writable,
    model: TabularParameters,
    ensemble: Ensemble,
    report: Report,
    label_dtype: np.dtype[Any],
    metadata: dict[str, Any] | None = None,
    mappable: bool = False,
) -> None:
    """Write a fitted estimator; documented in :meth:`TabularClassifier.save`."""
    model._check()
    parts = ensemble._parts_with(metadata, mappable)
    tensors, content = ensemble_file.make_content(parts, __version__)
    document = {
        "format_version": _VERSION,
        "estimator": type(model).__name__,
        "parameters": {name: to_json(name, value) for name, value in model.changed().items()},
        "label_dtype": label_dtype.str,
        "report": [[name, each["value"], each["reason"]] for name, each in report.to_dict().items()],
    }
    card = recorded.documents(content, tensors, parts)
    write_tensors(path, tensors, {network_file.KEY: content, ESTIMATOR: document, **card})


def read(path: Readable, owner: type[Any], *, mmap: bool = False) -> Any:
    """Return the estimator of class `owner` from a file written by :func:`write`."""
    with open_tensors(path, mmap=mmap) as file:
        described = network_file.describe(file)
        content = (file.metadata() or {}).get(ESTIMATOR)
        if described.members is None or content is None:
            found = "one network" if described.members is None else "an ensemble without an estimator"
            raise ValueError(f"it holds {found}; read it with compiled_nn.load")
        document = checks.fields("the estimator", parse_json(content, file.n_bytes), _FIELDS)
        version = document["format_version"]
        if type(version) is not int or version != _VERSION:
            raise ValueError(
                f"its estimator has format version {version!r}; this version of compiled_nn reads"
                f" version {_VERSION}"
            )
        if document["estimator"] != owner.__name__:
            raise ValueError(f"it holds an estimator {document['estimator']!r}, not {owner.__name__}")
        parameters = checks.fields("parameters", document["parameters"], (), owner().get_params())
        model = owner(**{name: from_json(value, tuple) for name, value in parameters.items()})
        model._check()
        parts = ensemble_file.parts_of(file, described)
        file_schemas.check_network(owner, parts, parts.inputs.n_features)
        label_dtype = file_schemas.label_dtype(_TEXT("label_dtype", document["label_dtype"]), parts)
        choices = array(_choice, most=_MOST_CHOICES)("report", document["report"])
        model._restore(Ensemble._of_parts(parts), Report(choices), label_dtype)
        recorded.verify(file, described.document, described.card)
    return model


def _choice(path: str, value: Any) -> Choice:
    """Check a choice of the report: its name, its value and its reason."""
    if not isinstance(value, list) or len(value) != 3:
        fail(path, value, "a list of a name, a value and a reason")
    return Choice(_TEXT(path, value[0]), _scalars(path, value[1]), _TEXT(path, value[2]))


def _scalars(path: str, value: Any) -> Any:
    """Check a text, a number, true, false or null, or a list of them."""
    if isinstance(value, list):
        return array(_scalar, most=_MOST_NUMBERS)(path, value)
    return _scalar(path, value)


def _scalar(path: str, value: Any) -> Any:
    if value is not None and type(value) not in (bool, int, float, str):
        fail(path, value, "a text, a number, true, false or null")
    return _TEXT(path, value) if isinstance(value, str) else value
