"""Safetensors files of the tests, read and written without the package and without compiled_nn."""

import json
from pathlib import Path

import numpy as np

_NAMES = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4"}


def header(path):
    """Return the header of a file, and the bytes after it."""
    content = Path(path).read_bytes()
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def metadata(path):
    """Return the metadata of a file."""
    return header(path)[0]["__metadata__"]


def load_file(path):
    """Return the tensors of a file by name."""
    entries, numbers = header(path)
    return {
        name: np.frombuffer(numbers[slice(*entry["data_offsets"])], _NAMES[entry["dtype"]]).reshape(
            entry["shape"]
        )
        for name, entry in entries.items()
        if name != "__metadata__"
    }


def save(tensors, metadata=None):
    """Return the content of a file."""
    entries, numbers = {"__metadata__": metadata or {}}, b""
    for name, array in tensors.items():
        data = np.ascontiguousarray(array).tobytes()
        dtype = next(key for key, value in _NAMES.items() if array.dtype == value)
        place = [len(numbers), len(numbers) + len(data)]
        entries[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": place}
        numbers += data
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + numbers


def save_file(tensors, path, metadata=None):
    """Write a file."""
    Path(path).write_bytes(save(tensors, metadata))
