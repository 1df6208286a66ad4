"""Number of threads that the core uses, for the whole process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cnn_core.threads import MOST, chosen_num_threads, get_num_threads
from cnn_core.threads import set_num_threads as _set_num_threads

from . import checks

__all__ = ["get_num_threads", "set_num_threads", "threads"]


def check_number(owner: str, name: str, n: object) -> int | None:
    """Return a number of threads, at most those of the core's pool, or None."""
    checked = checks.optional_integer(owner, name, n, minimum=1)
    return None if checked is None else min(checked, MOST)


def set_num_threads(n: int | None) -> None:
    """Set the number of threads for every network whose ``n_threads`` is None.

    Parameters
    ----------
    n : int or None
        Number of threads, at least 1; a number above 64 counts as 64. None restores the default: the environment
        variable COMPILED_NN_NUM_THREADS, else OMP_NUM_THREADS, else the number of processors that the process may
        use, limited by the quotas of its control groups; in a worker process of a pool, divided by the number of
        workers.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an int >= 1 or None.

    See Also
    --------
    threads : Number of threads inside a ``with`` block.
    get_num_threads : Number of threads in use.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> cnn.set_num_threads(1)
    >>> cnn.get_num_threads()
    1
    >>> cnn.set_num_threads(None)
    """
    _set_num_threads(check_number("set_num_threads", "n", n))


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Set the number of threads for every network whose ``n_threads`` is None, inside a ``with`` block.

    The number applies to the whole process: Python threads that set it at the same time overwrite each other's value.

    Parameters
    ----------
    n : int
        Number of threads, at least 1.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an int >= 1.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> with cnn.threads(1):
    ...     cnn.get_num_threads()
    1
    """
    before = chosen_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)
