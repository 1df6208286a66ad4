"""The number of threads of a call without `n_threads`: its default, and how it is set; a part of `threads`."""

import os

cdef int in_use = 0         # number of threads of a call without `n_threads`, negative for a default; 0: not determined
cdef int shared = 0         # 1: the default is the share of one of several worker processes
cdef int calls = 0          # calls with such a share


cdef int current_threads() except -1:
    """Number of threads of a call without `n_threads`; at least 1, whatever other threads set meanwhile."""
    cdef int count = get(&in_use)
    if count > 0:
        return count
    return -count if count < 0 and not is_due() else determine()


cdef bint is_due() noexcept nogil:
    """Whether a worker process counts the others again: pools start workers when there is work. It does so in the
    1st, 2nd, 4th, 8th, ... call, so that the time does not matter."""
    cdef int number
    if get(&shared) == 0:
        return False
    number = add(&calls, 1)
    return number & (number - 1) == 0


cdef int determine() except -1:
    """Determine the default, and use it unless a number is set."""
    cdef int before = get(&in_use), count
    from cnn_core.siblings import is_worker  # imported here to keep the import of the core fast
    swap(&shared, is_worker() and _of_environment() is None)
    count = default_threads()
    if before <= 0:
        replace(&in_use, before, -count)
    return count


def _from_environment(name):
    """Number of threads from an environment variable, at most MOST_THREADS; None unless it is a positive integer in
    ASCII digits. Of a list (OMP_NUM_THREADS), the first entry."""
    digits = os.environ.get(name, "").split(",")[0].strip(" \t")
    if not (digits.isascii() and digits.isdigit()):
        return None
    digits = digits.lstrip("0")[:9]         # int() refuses integers of thousands of digits
    return min(int(digits), MOST_THREADS) if digits else None


def _of_environment():
    return _from_environment("COMPILED_NN_NUM_THREADS") or _from_environment("OMP_NUM_THREADS")


def default_threads():
    """Default number of threads.

    The environment variable COMPILED_NN_NUM_THREADS; else OMP_NUM_THREADS, or its first entry if it is a list; else the
    number of processors that this process may run on (its affinity), limited to the quota of its control groups
    (`cnn_core.quota`), and divided by the number of workers in a worker process (`cnn_core.siblings`). A variable that
    is not a positive integer is ignored.

    Returns
    -------
    int
        From 1 to `MOST`.

    Examples
    --------
    >>> from cnn_core.threads import MOST, default_threads
    >>> 1 <= default_threads() <= MOST
    True
    """
    # imported here to keep the import of the core fast
    from cnn_core.quota import quota
    from cnn_core.siblings import share_of
    count = _of_environment()
    if count is not None:
        return count
    try:
        count = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        count = os.cpu_count() or 1
    return max(1, min(share_of(min(count, quota() or count)), MOST_THREADS))


def set_num_threads(n):
    """Set the number of threads of calls without `n_threads`, in the whole process.

    Parameters
    ----------
    n : int or None
        At least 1; a number above `MOST` counts as `MOST`. None restores `default_threads()`.

    Raises
    ------
    TypeError
        If `n` is not an integer.
    ValueError
        If `n` is less than 1.

    Examples
    --------
    >>> from cnn_core.threads import get_num_threads, set_num_threads
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(None)  # the default again
    """
    if n is None:
        swap(&in_use, 0)
        return
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"the number of threads must be an integer, not {type(n).__name__}")
    count = n.__index__()
    if count < 1:
        raise ValueError(f"the number of threads must be at least 1, not {n}")
    swap(&in_use, min(count, MOST_THREADS))


def chosen_num_threads():
    """Return the number of threads of `set_num_threads`, or None if the default is in use.

    Returns
    -------
    int or None

    Examples
    --------
    >>> from cnn_core.threads import chosen_num_threads, set_num_threads
    >>> set_num_threads(2)
    >>> chosen_num_threads()
    2
    >>> set_num_threads(None)
    >>> print(chosen_num_threads())
    None
    """
    cdef int count = get(&in_use)
    return count if count > 0 else None


def get_num_threads():
    """Return the number of threads of calls without `n_threads`.

    Returns
    -------
    int

    Examples
    --------
    >>> from cnn_core.threads import default_threads, get_num_threads, set_num_threads
    >>> set_num_threads(None)
    >>> get_num_threads() == default_threads()
    True
    """
    return current_threads()
