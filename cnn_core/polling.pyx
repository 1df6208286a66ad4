"""Ctrl-C and deadlines within a batch; a part of `stack`.

A batch that takes longer than some hundredths of a second is computed in several chunks. The loss of each chunk is then
computed through `polled_loss`, which handles signals and compares the clock with the deadline from time to time. If
the run must end, it ends before the step of the batch, so that the parameters are those of the last whole step.
"""

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t

from cnn_core.layers cimport SLICE_FLOPS, has_expired, raise_pending
from cnn_core.stack cimport Stack
from cnn_core.types cimport CUSTOM, Layer, LossSpec, Run, Target, loss_fn

cdef extern from "Python.h" nogil:
    unsigned long PyThread_get_thread_ident()

cdef struct Poll:
    loss_fn loss                    # kernel of the loss; NULL if the batches are too short to be polled
    unsigned long thread            # of the caller: the only thread that handles signals
    double row_flops, flops         # work per row; work since the last check
    double deadline                 # value of `perf_counter`
    bint expired                    # whether the deadline has ended the run
    void *stack


cdef bint must_end(Poll *poll) noexcept with gil:
    """Handle signals; return whether one of them has raised an exception, or the deadline has passed."""
    try:
        PyErr_CheckSignals()
    except BaseException as error:
        (<Stack>poll.stack).interruption = error
        return True
    poll.expired = has_expired(poll.deadline)
    return poll.expired


cdef void polled_loss(LossSpec *spec, const Layer *last, Py_ssize_t m, const void *z, const Target *target,
                      const int64_t *rows, Py_ssize_t first, double weight, void *dz, void *scratch,
                      double *row_loss) noexcept nogil:
    """A `loss_fn` that computes the loss by another one, and checks from time to time whether the run must end."""
    cdef Poll *poll = <Poll *>spec.function
    poll.loss(spec, last, m, z, target, rows, first, weight, dz, scratch, row_loss)
    if PyThread_get_thread_ident() != poll.thread:
        return
    poll.flops += m * poll.row_flops
    if poll.flops > SLICE_FLOPS:
        poll.flops = 0
        if must_end(poll):
            spec.failed = True


cdef double work_per_row(Stack self):
    """Number of floating-point operations of training for each row, about."""
    return 6.0*self.n_parameters + 1e3


cdef int start_polling(Stack self, Run *run, Poll *poll, double deadline) except -1:
    """Let a run with long batches be polled. `poll` must stay at its address during the run."""
    poll.loss, poll.expired, poll.deadline = NULL, False, deadline
    if (run.loss_spec.loss == CUSTOM or run.chunk >= min(run.batch, run.count)
            or work_per_row(self) * min(run.batch, run.count) <= SLICE_FLOPS):
        return 0
    poll.loss, run.loss_and_gradient = run.loss_and_gradient, polled_loss
    poll.thread, poll.row_flops, poll.flops = PyThread_get_thread_ident(), work_per_row(self), 0
    poll.stack, run.loss_spec.function = <void *>self, poll
    return 0


cdef int end_of_run(Stack self, Run *run, Poll *poll) except -1:
    """Raise the exception that has ended a run; return 1 if the deadline has ended it, and 0 if nothing has."""
    if run.failed:
        raise_pending()
    if not run.loss_spec.failed:
        return 0
    if poll.loss == NULL:
        raise (<object>run.loss_spec.function).error
    if poll.expired:
        return 1
    error, self.interruption = self.interruption, None
    raise error


cdef double weight_of_rows(Run *run) noexcept nogil:
    """Sum of the sample weights of the rows run.first, ..., run.first + run.count - 1."""
    cdef double total = 0
    cdef Py_ssize_t i
    if run.target.weights == NULL:
        return run.count
    for i in range(run.first, run.first + run.count):
        total += run.target.weights[i if run.order == NULL else run.order[i]]
    return total
