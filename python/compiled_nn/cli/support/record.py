"""Record of ``compiled-nn train`` in the metadata of a model: the target column, and the rows that were held out.

    target           name of the target column, or null
    target_column    its index, or null if the data are not a table
    split            null if train has not split the rows; else
                     {"fraction", "seed", "stratified", "test_rows", "hashes"}: rule of the split, and the hash of each
                     test row, 8 bytes in base64
    trained          hashes of training rows: the `_SKETCH` smallest ones

The hash of a row includes its features in the order of the model and its target, so that rows are found again in any
order, and also in a file with other columns.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...datasets import Dataset
from ...network.network import Network

KEY = "compiled-nn train"
SEED = 0  # of the split
_SKETCH = 256
_TOGETHER = 4096  # rows that are converted at once

Hashes = NDArray[np.uint64]


class Record(NamedTuple):
    """Content of the record.

    Attributes
    ----------
    target : str or None
        Name of the target column.
    target_column : int or None
        Its index.
    split : dict or None
        Rule of the split, without the hashes; None without a split.
    held_out : ndarray of uint64
        Sorted hashes of the test rows.
    trained : ndarray of uint64
        Sorted hashes of some training rows.
    """

    target: str | None = None
    target_column: int | None = None
    split: dict[str, Any] | None = None
    held_out: Hashes = np.empty(0, np.uint64)
    trained: Hashes = np.empty(0, np.uint64)

    def to_metadata(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        split = None if self.split is None else {**self.split, "hashes": _encoded(self.held_out)}
        return {
            "target": self.target,
            "target_column": self.target_column,
            "split": split,
            "trained": _encoded(self.trained),
        }

    def find(self, X: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[np.bool_], bool]:
        """Return which rows were held out, and whether any other row is known to have been trained on.

        Equal rows count as held out as often as they were among the test rows.
        """
        hashes = row_hashes(X, y)
        held, counts = np.unique(self.held_out, return_counts=True)
        found, inverse = np.unique(hashes, return_inverse=True)
        allowed = np.zeros(len(found), np.int64)
        allowed[np.isin(found, held)] = counts[np.isin(held, found)]
        order = np.argsort(inverse, kind="stable")
        first = np.searchsorted(inverse[order], inverse[order])
        rank = np.empty(len(hashes), np.int64)
        rank[order] = np.arange(len(hashes)) - first
        chosen = rank < allowed[inverse]
        return chosen, bool(np.isin(hashes[~chosen], self.trained).any())


def of_training(
    data: Dataset, target: tuple[str | None, int] | None, fraction: float, *, stratified: bool
) -> Record:
    """Return the record of training.

    Parameters
    ----------
    data : Dataset
        Data after the split, with one label per row for classes.
    target : (str or None, int), or None
        Name and index of the target column of a table.
    fraction : float
        Share of the rows in the test part.
    stratified : bool
        Whether the classes have the same shares in both parts.
    """
    name, column = (None, None) if target is None else target
    trained = np.unique(row_hashes(data.X_train, data.y_train))[:_SKETCH]
    if not len(data.X_test):
        return Record(name, column, trained=trained)
    rule = {"fraction": fraction, "seed": SEED, "stratified": stratified, "test_rows": len(data.X_test)}
    return Record(name, column, rule, row_hashes(data.X_test, data.y_test), trained)


def of(net: Network) -> Record:
    """Return the record of a model; documented at :func:`parsed`."""
    return parsed(net.metadata.get(KEY))


def parsed(content: Any) -> Record:
    """Return the record from JSON values; an empty one from None, for a model that train has not made.

    Raises
    ------
    ValueError
        If the record is not one that ``compiled-nn train`` writes.
    """
    if content is None:
        return Record()
    try:
        split, held_out = content["split"], ""
        if split is not None:
            split = dict(split)
            held_out = split.pop("hashes")
        target, column = content["target"], content["target_column"]
        if not isinstance(target, str | None) or not isinstance(column, int | None):
            raise TypeError
        return Record(target, column, split, _decoded(held_out), _decoded(content["trained"]))
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise ValueError(
            f"the entry {KEY!r} in the metadata of the model is not one that train writes; save the model without it"
        ) from error


def row_hashes(X: NDArray[Any], y: NDArray[Any]) -> Hashes:
    """Return a hash per row of its features and target; numbers of all types have the same hashes."""
    m = len(X)
    texts = y.astype(str).tolist() if y.dtype.kind in "US" else None
    hashes = np.empty(m, np.uint64)
    for start in range(0, m, _TOGETHER):
        part = slice(start, start + _TOGETHER)
        blocks = [X[part], *([] if texts is not None else [y[part]])]
        # Adding 0 turns -0 into 0.
        columns = [np.asarray(block, "<f8").reshape(len(block), -1) + 0.0 for block in blocks]
        for i, row in enumerate(np.concatenate(columns, axis=1), start):
            content = row.tobytes() if texts is None else row.tobytes() + texts[i].encode()
            hashes[i] = int.from_bytes(blake2b(content, digest_size=8).digest(), "little")
    return hashes


def _encoded(hashes: Hashes) -> str:
    return base64.b64encode(np.sort(hashes).astype("<u8").tobytes()).decode()


def _decoded(text: str) -> Hashes:
    return np.frombuffer(base64.b64decode(text, validate=True), "<u8").astype(np.uint64)
