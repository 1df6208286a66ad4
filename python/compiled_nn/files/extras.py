"""Optional objects of file format 4: ``inputs``, ``outputs`` and ``metadata``; for ``members``, ``mapped`` and
``quantization`` see members.py, mapped.py and stored_ranges.py.

    inputs      {"names": [...], "shape": [...]}: names of the columns of X, or shape of one image; one of them or both;
                names are all texts, all numbers, or all lists of texts and numbers; with numeric_embeddings also
                "bins", the number of bins of each column of the encoded X
    outputs     {"dtype": "float32" or "float64"}: dtype of predicted values, if it is not that of the network
    metadata    any JSON object: content of the user, which the network does not interpret; see files/metadata.py

An object without content is absent, and a network without any of them is written in an older format. In ``inputs`` and
``outputs`` unknown keys are refused. With an encoder, texts are the names of its columns, so that ``inputs`` has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..common import checks
from ..data import column_names
from ..spec.configuration import DTYPES
from . import mapped, metadata, stored_ranges

if TYPE_CHECKING:
    from ..artefact.inputs import Inputs
    from ..artefact.outputs import Outputs
    from ..artefact.parts import Parts
    from ..data.column_names import Label
    from ..training.targets import Targets

NAMES = ("inputs", "outputs", "metadata", "members", "mapped", stored_ranges.NAME)
_INPUTS = ("names", "shape", "bins")
_OUTPUTS = ("dtype",)


def extras(parts: Parts) -> dict[str, Any]:
    """Return those of the objects that have content."""
    found = {
        "inputs": _inputs_to_config(parts.inputs),
        "outputs": _outputs_to_config(parts.outputs, parts.inputs.dtype),
        "metadata": metadata.to_config(parts.metadata),
        "mapped": mapped.to_config(parts.arenas),
        stored_ranges.NAME: stored_ranges.to_config(bool(parts.ranges)),
    }
    return {name: content for name, content in found.items() if content}


def given(document: Mapping[str, Any]) -> list[str]:
    """Return the names of the objects that the document of a file has."""
    return [name for name in NAMES if name in document]


# ---- inputs


def _inputs_to_config(inputs: Inputs) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if inputs.names is not None and inputs.encoder is None:
        config["names"] = list(inputs.names)
    elif inputs.labels is not None:
        config["names"] = [list(name) if isinstance(name, tuple) else name for name in inputs.labels]
    if inputs.shape is not None:
        config["shape"] = list(inputs.shape)
    if inputs.bins is not None:
        config["bins"] = inputs.bins.counts
    return config


def read_inputs(document: Mapping[str, Any], n_columns: int) -> dict[str, Any]:
    """Return the arguments `names`, `labels` and `shape` of :class:`Inputs` from the document of a file.

    Raises
    ------
    ValueError
        If they do not match a network with `n_columns` inputs.
    """
    config = _content(document, "inputs", _INPUTS)
    encoder = document.get("encoder")
    names, shape = config.get("names"), config.get("shape")
    texts, labels = _read_names(names, n_columns if encoder is None else len(encoder))
    if encoder is not None and (texts or shape):
        raise ValueError(f"inputs has {sorted(config)} beside an encoder, which describes the columns of X")
    if shape is not None and not (isinstance(shape, list) and len(shape) in (2, 3)):
        raise ValueError(f"inputs.shape must be a list of 2 or 3 sizes. Got {shape!r} instead")
    for size in shape or ():
        checks.integer("inputs", "shape", size, minimum=1)
    if shape is not None and math.prod(shape) != n_columns:
        raise ValueError(f"inputs.shape is {shape}; the network takes {n_columns} columns")
    return {"names": texts, "labels": labels, "shape": shape and tuple(shape)}


def bins(document: Mapping[str, Any]) -> Any:
    """Return the number of bins of each column, as it is in the document of a file; None if it is absent."""
    return _content(document, "inputs", _INPUTS).get("bins")


def _read_names(names: Any, n: int) -> tuple[tuple[str, ...] | None, tuple[Label, ...] | None]:
    """Return the names of `n` columns: texts, or labels; both are None without names."""
    if names is None:
        return None, None
    if not isinstance(names, list):
        raise ValueError("inputs.names must be a list")
    if len(names) != n:
        raise ValueError(f"inputs.names has {len(names)} names; the network takes {n} columns")
    if all(isinstance(name, str) for name in names):
        texts, found = tuple(names), None
        known: tuple[Any, ...] | None = texts
    else:
        texts, found = (
            None,
            column_names.labels(tuple(name) if isinstance(name, list) else name for name in names),
        )
        known = found
    if known is None:
        raise ValueError("inputs.names must be texts, or finite numbers, or lists of texts and numbers")
    if len(set(known)) < n:
        raise ValueError("inputs.names has a name twice")
    return texts, found


# ---- outputs


def _outputs_to_config(outputs: Outputs, dtype: str) -> dict[str, Any]:
    return {} if outputs.dtype in (None, dtype) else {"dtype": outputs.dtype}


def read_outputs(document: Mapping[str, Any], learned: Targets | None) -> Targets | None:
    """Return the encoding of y with what the document of a file describes.

    Raises
    ------
    ValueError
        If the description is not valid, or the network does not predict values.
    """
    config = _content(document, "outputs", _OUTPUTS)
    if not config:
        return learned
    dtype = checks.choice("outputs", "dtype", config["dtype"], DTYPES)
    if learned is None or learned.kind != "values":
        raise ValueError("outputs.dtype is given, but the network was not fitted on values")
    return learned.replace(dtype=dtype)


# ---- metadata


def read_metadata(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of the user."""
    return _content(document, "metadata", None)


def _content(document: Mapping[str, Any], name: str, keys: tuple[str, ...] | None) -> dict[str, Any]:
    """Return an object of the document, which may have these keys, None for any; empty if it is absent."""
    if name not in document:
        return {}
    content = checks.fields(name, document[name], (), document[name] if keys is None else keys)
    if not content:
        raise ValueError(f"{name} is empty; an object without content is left out")
    return content
