"""Hashes of rows, which do not depend on the file that holds them: its order, its columns, its format and its dialect.

A value has one hash, however it is stored: 7, 7.0 and the text "7" are equal, and so are true, True and 1; "007" is
another text. The hash of a row is the sum of the hashes of its values, each with the number of its column, mixed by the
function of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_TOGETHER = 1 << 16  # values that are mixed at once, which fit the level-2 cache
_MISSING = np.uint64(0x5BF0_3635_D1A8_C2E9)
_DATE = np.uint64(0x9E6C_63D0_876A_3F35)
_GOLDEN = 0x9E37_79B9_7F4A_7C15
_ALL = (1 << 64) - 1
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_FLAGS = {"true": 1.0, "false": 0.0}


def of_rows(columns: Sequence[NDArray[Any]], m: int) -> Hashes:
    """Return a hash for each of `m` rows.

    Parameters
    ----------
    columns : sequence of ndarray (m,) or (m, n)
        Columns of numbers, dates or text. Missing values are NaN, NaT or None.
    m : int
        Number of rows.
    """
    total = np.zeros(m, np.uint64)
    number = 0
    for column in columns:
        for part in column.reshape(m, -1).T if m else ():
            number += 1
            salt = np.uint64(number * _GOLDEN & _ALL)
            for start in range(0, m, _TOGETHER):
                rows = slice(start, start + _TOGETHER)
                values = of_values(part[rows])
                values += salt
                total[rows] += _mixed(values)
    return _mixed(total)


def of_values(column: NDArray[Any]) -> Hashes:
    """Return a hash for each value of a column (m,); that of a number is its bits."""
    if column.dtype.kind in "biuf":
        return _of_numbers(column.astype(np.float64))
    if column.dtype.kind == "M":
        moments = column.astype("datetime64[us]")
        hashes = moments.astype(np.int64).astype(np.uint64) ^ _DATE
        hashes[np.isnat(moments)] = _MISSING
        return hashes
    values = column.tolist()
    known = {value: _of_value(value) for value in dict.fromkeys(values)}
    return np.fromiter(map(known.__getitem__, values), np.uint64, len(values))


def _of_numbers(numbers: NDArray[np.float64]) -> Hashes:
    numbers += 0.0  # turns -0 into 0
    hashes = numbers.view(np.uint64)
    hashes[np.isnan(numbers)] = _MISSING
    return hashes


def _of_value(value: Any) -> int:
    """Return the hash of a value of a column of objects."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        number = float(value) if _NUMBER.fullmatch(value) else _FLAGS.get(value.lower())
        if number is None:
            content = value.encode("utf-8", "surrogatepass")
            return int.from_bytes(blake2b(content, digest_size=8).digest(), "little")
        value = number
    if isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime.combine(value, time())
        return int(of_values(np.array([moment], "datetime64[us]"))[0])
    try:
        return int(_of_numbers(np.array([value], np.float64))[0])
    except (TypeError, ValueError):  # None and other missing values
        return int(_MISSING)


def _mixed(values: Hashes) -> Hashes:
    """Mix the bits of each number, in place."""
    other = values >> np.uint64(30)
    for factor, shift in ((0xBF58_476D_1CE4_E5B9, 27), (0x94D0_49BB_1331_11EB, 31)):
        values ^= other
        values *= np.uint64(factor)
        np.right_shift(values, np.uint64(shift), out=other)
    values ^= other
    return values
