"""Limits of the memory that a file of data may take: sizes are compared with them before memory is allocated.

The size of a file limits nothing where its content is compressed: a file of a megabyte can describe arrays of
terabytes. Each reader has a parameter `max_bytes` for this. A plain CSV file takes at most `_CONSTANT` + `_FACTOR`
times its size as well, whatever `max_bytes` is.
"""

from __future__ import annotations

import os
import stat
from typing import Any

from ..common import checks

MAX_BYTES = 1 << 32  # default of `max_bytes`: 4 GiB
_CONSTANT, _FACTOR = 1 << 24, 16


class Budget:
    """Number of bytes that the arrays of one file, or of several files that are read together, may take.

    Parameters
    ----------
    max_bytes : int
        Largest sum of all arrays.

    Attributes
    ----------
    left : int
        Number of bytes that are left.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = self.left = max_bytes

    @classmethod
    def of(cls, owner: str, max_bytes: object) -> Budget:
        """Return the budget of a call with the parameter `max_bytes`, which is checked."""
        return cls(checks.integer(owner, "max_bytes", max_bytes, minimum=1))

    def check(self, n_bytes: int, what: str, *, alone: bool = False) -> None:
        """Raise a ValueError if memory is larger than what is left, or than all of it if it is freed before the rest.

        `what` is the description of the memory in the message.
        """
        others = 0 if alone else self._max_bytes - self.left
        if n_bytes > self._max_bytes - others:
            beside = f" beside {others} bytes of other arrays" if others else ""
            raise ValueError(
                f"{what} takes {n_bytes} bytes of memory{beside}; max_bytes is {self._max_bytes}. If the file is to be"
                " trusted, pass a larger max_bytes."
            )

    def take(self, n_bytes: int, what: str) -> None:
        """Count an array that stays in memory; raise a ValueError if it is larger than what is left."""
        self.check(n_bytes, what)
        self.left -= n_bytes


def size_of(file: Any) -> int | None:
    """Return the size of an open file in bytes; None for a pipe, a device, or an object in memory."""
    try:
        status = os.fstat(file.fileno())
    except OSError:  # not a file of the operating system
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def of_plain_text(file: Any) -> int | None:
    """Return the largest number of bytes of memory that a plain text file may take; None if its size is not known."""
    size = size_of(file)
    return None if size is None else _CONSTANT + _FACTOR * size
