"""Fingerprint of a model: a SHA-256 over everything that decides its predictions, in memory and in a file.

It is the hash of a JSON text (keys sorted, without spaces, characters outside ASCII escaped) of an object with the
fields of the document that `_decisive` returns, and, for each tensor, its dtype, its shape and the hash of its numbers
in the byte order of files. It does not depend on metadata, on the state of training, and on parameters that only
training uses; docs/guide/files.md has the definition for other readers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .header import MAPPED, NAMES
from .safetensors_file import numbers

if TYPE_CHECKING:
    from ..data.arrays import Array
    from .content import Content

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_OF_TRAINING = frozenset(
    {"optimizer", "l1", "l2", "seed", "input_dropout", "clip_norm", "clip_value", "ema", "proximal"}
)
_OF_LAYERS_IN_TRAINING = frozenset({"init", "dropout", "trainable", "rate"})
# Starts of names of tensors that prediction does not need, or that repeat others:
_IGNORED = ("training.", MAPPED)


def of_tensors(document: Mapping[str, Any], tensors: Mapping[str, Array]) -> str:
    """Return the fingerprint of a model from the document and the tensors of its file."""
    found = {}
    for name, array in tensors.items():
        if not name.startswith(_IGNORED):
            digest = hashlib.sha256()
            for piece in numbers(array):
                digest.update(piece)
            found[name] = [NAMES[array.dtype.name], list(array.shape), digest.hexdigest()]
    return _hashed(document, found)


def of_file(document: Mapping[str, Any], file: Content) -> str:
    """Return the fingerprint of a model from its document and an opened file, whose tensors are read in blocks."""
    found = {}
    for name in file.keys():  # noqa: SIM118 - not a mapping
        if not name.startswith(_IGNORED):
            tensor = file.get_slice(name)
            found[name] = [tensor.get_dtype(), tensor.get_shape(), file.hash(name)]
    return _hashed(document, found)


def _hashed(document: Mapping[str, Any], tensors: dict[str, Any]) -> str:
    # encode() leaves no cycle of references, as iterencode() does
    text = _ENCODER.encode(_decisive(document) | {"tensors": tensors})
    return hashlib.sha256(text.encode()).hexdigest()


def _decisive(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a document that decide predictions, in the same form for all formats."""
    fields = {
        "n_features": document["n_features"],
        "targets": document["targets"],
        "classes": document["classes"],
        "temperature": document.get("temperature", 1.0),
        "encoder": document.get("encoder"),
        "inputs": document.get("inputs", {}),
        "outputs": document.get("outputs", {}),
    }
    if "quantization" in document:
        fields["quantization"] = document["quantization"]
    if "members" not in document:
        return fields | {"network": _network(document["network"])}
    networks, kept = document["members"]["networks"], document["members"]["kept"]
    return fields | {
        "members": [
            {
                "network": _network(networks[each["place"]]),
                "temperature": each["temperature"],
                "weight": each["weight"],
            }
            for each in kept
        ]
    }


def _network(config: Mapping[str, Any]) -> dict[str, Any]:
    layers = [_without(layer, _OF_LAYERS_IN_TRAINING) for layer in config["layers"]]
    return {**_without(config, _OF_TRAINING), "layers": layers}


def _without(config: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in names}
