"""Optional objects of file format 4: ``inputs``, ``outputs`` and ``metadata``.

    inputs      {"names": [...], "shape": [...]}: names of the columns of X, or shape of one image; one of them or both
    outputs     {"dtype": "float32" or "float64"}: dtype of predicted values, if it is not that of the network
    metadata    any JSON object: content of the user, which the network does not interpret

An object without content is absent, and a network without any of them is written in an older format. In ``inputs`` and
``outputs`` unknown keys are refused. With an encoder, the names are those of its columns, so that ``inputs`` has none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..common import checks
from ..spec.configuration import DTYPES

if TYPE_CHECKING:
    from ..artefact.inputs import Inputs
    from ..artefact.outputs import Outputs
    from ..artefact.parts import Parts
    from ..training.targets import Targets

NAMES = ("inputs", "outputs", "metadata")
_INPUTS = ("names", "shape")
_OUTPUTS = ("dtype",)


def extras(parts: Parts) -> dict[str, Any]:
    """Return those of the objects that have content."""
    found = {
        "inputs": _inputs_to_config(parts.inputs),
        "outputs": _outputs_to_config(parts.outputs, parts.inputs.dtype),
        "metadata": _metadata_to_config(parts.metadata),
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
    if inputs.shape is not None:
        config["shape"] = list(inputs.shape)
    return config


def read_inputs(document: Mapping[str, Any], n_columns: int) -> dict[str, Any]:
    """Return the arguments `names` and `shape` of :class:`Inputs` from the document of a file.

    Raises
    ------
    ValueError
        If they do not match a network with `n_columns` inputs.
    """
    config = _content(document, "inputs", _INPUTS)
    if document.get("encoder") is not None and config:
        raise ValueError(f"inputs has {sorted(config)} beside an encoder, which describes the columns of X")
    names, shape = config.get("names"), config.get("shape")
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ValueError("inputs.names must be a list of texts")
    if names is not None and len(names) != n_columns:
        raise ValueError(f"inputs.names has {len(names)} names; the network takes {n_columns} columns")
    if names is not None and len(set(names)) < len(names):
        raise ValueError("inputs.names has a name twice")
    if shape is not None and not (isinstance(shape, list) and len(shape) in (2, 3)):
        raise ValueError(f"inputs.shape must be a list of 2 or 3 sizes. Got {shape!r} instead")
    for size in shape or ():
        checks.integer("inputs", "shape", size, minimum=1)
    if shape is not None and math.prod(shape) != n_columns:
        raise ValueError(f"inputs.shape is {shape}; the network takes {n_columns} columns")
    return {"names": None if names is None else tuple(names), "shape": shape and tuple(shape)}


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


def _metadata_to_config(metadata: object) -> dict[str, Any]:
    if not isinstance(metadata, dict) or not all(isinstance(key, str) for key in metadata):
        raise TypeError(f"metadata must be a dict whose keys are texts. Got {metadata!r} instead.")
    try:
        json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"metadata cannot be written to a file, because JSON cannot express it: {error}."
        ) from error
    return metadata


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
