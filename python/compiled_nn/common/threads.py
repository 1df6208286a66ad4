"""How many threads the core may use, for the whole process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cnn_core.threads import get_num_threads
from cnn_core.threads import set_num_threads as _set_num_threads

from . import checks

__all__ = ["get_num_threads", "set_num_threads", "threads"]


def set_num_threads(n: int | None) -> None:
    """Let every network use `n` threads, unless it was given its own ``n_threads``.

    Parameters
    ----------
    n : int or None
        At least 1; None returns to the default: COMPILED_NN_NUM_THREADS, OMP_NUM_THREADS, the processors that
        the process may run on, the quota of its control group.
    """
    _set_num_threads(n if n is None else checks.integer("set_num_threads", "n", n, minimum=1))


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Let every network use `n` threads inside a ``with`` block.

    The number belongs to the process: threads of a program that do this at the same time see each other's.

    Parameters
    ----------
    n : int
        At least 1.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> with cnn.threads(1):
    ...     cnn.get_num_threads()
    1
    """
    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)
