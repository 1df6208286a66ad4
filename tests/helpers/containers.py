"""Safetensors files taken apart and put together again, with changes; nothing is checked."""

import json
import struct

import numpy as np

NETWORK, TRAINING, ESTIMATOR = "compiled_nn", "compiled_nn_training", "compiled_nn_estimator"
CARD = "compiled_nn_card"


def split(content):
    """Return the header of a file as a dict, and the bytes after it."""
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def joined(header, numbers):
    """Return the file with a header, given as a dict or as bytes, and the bytes after it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def with_document(content, key, change):
    """Return a file after `change` was called with its document of this key, which it edits or replaces by a text.

    The file has no fingerprint, which would not match.
    """
    header, numbers = split(content)
    if key != CARD:
        header["__metadata__"].pop(CARD, None)
    document = json.loads(header["__metadata__"][key])
    text = change(document)
    header["__metadata__"][key] = text if isinstance(text, str) else json.dumps(document)
    return joined(header, numbers)


def with_value(content, key, path, value):
    """Return a file whose document has another value at a path, such as ("progress", "stale")."""

    def change(document):
        *parents, last = path
        for name in parents:
            document = document[name]
        document[last] = value

    return with_document(content, key, change)


def tensor_names(content):
    """Return the names of the tensors of a file."""
    return [name for name in split(content)[0] if name != "__metadata__"]


def with_number(content, tensor, number, index=0):
    """Return a file with another number in a tensor."""
    header, numbers = split(content)
    entry = header[tensor]
    start, stop = entry["data_offsets"]
    array = np.frombuffer(numbers[start:stop], {"F32": "<f4", "F64": "<f8"}[entry["dtype"]]).copy()
    array[index] = number
    return joined(header, numbers[:start] + array.tobytes() + numbers[stop:])
