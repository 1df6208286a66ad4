"""Archive of golden files with the results that each of them gave when it was written.

``index.json`` has one document for each file: its kind, the names of its inputs and targets, and its results. A result
is an array with dtype, shape and values; for reals, the index of its first value in ``float32.npy`` or ``float64.npy``.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from golden import files


def write(path):
    """Write the archive with the cases of its name in `files`; raise FileExistsError if the archive exists."""
    index, reals = {}, {dtype: [] for dtype in files.DTYPES}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive, tempfile.TemporaryDirectory() as folder:
        for name, (case, dtype) in files.cases(path.name.removesuffix(".tar.gz")).items():
            file = Path(folder, "file")
            files.write(case, dtype, file)
            _add(archive, f"{name}.safetensors", file.read_bytes())
            described = case.described()
            results = files.results(files.read(case.kind, file), described)
            index[name] = described | {"results": {key: _described(a, reals) for key, a in results.items()}}
        for dtype, arrays in reals.items():
            file = io.BytesIO()
            np.save(file, np.concatenate(arrays))
            _add(archive, f"{dtype}.npy", file.getvalue())
        _add(archive, "index.json", json.dumps(index, separators=(",", ":")).encode())
    with path.open("xb") as file:
        # without a date, so that equal contents give equal bytes
        file.write(gzip.compress(buffer.getvalue(), mtime=0))


def _add(archive, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _described(array, reals):
    described = {"dtype": array.dtype.str, "shape": array.shape}
    if array.dtype.name in reals:
        parts = reals[array.dtype.name]
        parts.append(array.ravel())
        return described | {"at": sum(len(part) for part in parts[:-1])}
    values = array.tolist()
    if array.dtype.kind == "S":
        values = [value.decode("latin-1") for value in values]
    return described | {"values": values}


class Archive:
    """Content of an archive written by :func:`write`."""

    def __init__(self, path):
        with tarfile.open(path) as archive:
            self._content = {member.name: archive.extractfile(member).read() for member in archive}
        self.index = json.loads(self._content["index.json"])
        self._reals = {dtype: np.load(io.BytesIO(self._content[f"{dtype}.npy"])) for dtype in files.DTYPES}

    def files(self):
        """Return {name: content} of the golden files."""
        ending = ".safetensors"
        return {name.removesuffix(ending): c for name, c in self._content.items() if name.endswith(ending)}

    def results(self, name):
        """Return {result: array} of one of the files."""
        return {key: self._array(**each) for key, each in self.index[name]["results"].items()}

    def _array(self, dtype, shape, at=None, values=None):
        if at is not None:
            return self._reals[np.dtype(dtype).name][at : at + math.prod(shape)].reshape(shape)
        if np.dtype(dtype).kind == "S":
            values = [value.encode("latin-1") for value in values]
        return np.array(values, dtype).reshape(shape)
