"""Ctrl-C and deadlines within a parallel region; a part of `layers`.

The kernels call `poll_run` between parts of a long computation. It handles signals and compares the clock with the
deadline from time to time; if the computation must end, all threads of the region return early.
"""

from cpython.exc cimport PyErr_CheckSignals
from cpython.ref cimport Py_DECREF, Py_INCREF

from cnn_core.threads cimport is_raised, raise_flag
from cnn_core.types cimport POLLED_FRACTION, SLICE_FLOPS

cdef extern from "Python.h" nogil:
    unsigned long PyThread_get_thread_ident()


cdef Poll new_poll(double deadline) noexcept:
    """A `Poll` with nothing done yet, which must stay at its address during the computation."""
    cdef Poll poll
    poll.flops, poll.deadline, poll.expired, poll.ending, poll.error = 0, deadline, False, 0, NULL
    poll.owner, poll.thread = NULL, PyThread_get_thread_ident()
    return poll


cdef bint must_end(Poll *poll) noexcept with gil:
    """Handle signals; return whether one of them has raised an exception, or the deadline has passed."""
    cdef bint paused = poll.owner != NULL and (<Layers>poll.owner).pause()
    try:
        PyErr_CheckSignals()
        poll.expired = has_expired(poll.deadline)
    except BaseException as error:
        Py_INCREF(error)
        poll.error = <void *>error
        return True
    finally:
        if paused:
            (<Layers>poll.owner).resume()
    return poll.expired


cdef bint poll_run(void *poller, int rank, double flops) noexcept nogil:
    """A `poll_fn`. Only the thread that has made the `Poll` handles signals; others read whether to end."""
    cdef Poll *poll = <Poll *>poller
    if is_raised(&poll.ending):
        return False
    if poll.thread != PyThread_get_thread_ident():
        return True
    poll.flops += flops
    if poll.flops * POLLED_FRACTION > SLICE_FLOPS:
        poll.flops = 0
        if must_end(poll):
            raise_flag(&poll.ending)
            return False
    return True


cdef int raise_signal(Poll *poll) except -1:
    """Raise the exception of a signal handler that has ended a computation, if one has."""
    if poll.error == NULL:
        return 0
    error = <object>poll.error
    poll.error = NULL
    Py_DECREF(error)
    raise error
