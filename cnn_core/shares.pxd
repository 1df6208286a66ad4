"""How work is divided among the threads of a team."""


cdef inline Py_ssize_t share(Py_ssize_t count, int rank, int size, Py_ssize_t group) noexcept nogil:
    """Where the rank's part of count things starts, in whole groups; it ends where the next rank's starts."""
    cdef Py_ssize_t groups = (count + group - 1) // group
    if size == 1:
        return count if rank > 0 else 0     # a division takes as long as a small product
    return min(count, groups * rank // size * group)
