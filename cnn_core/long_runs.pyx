"""Passes with long batches, which signals and the deadline end before a step; a part of `stack`.

A batch that takes longer than some hundredths of a second is polled: see `polling.pyx`. If the run must end, it ends
before the step of the batch, so that the parameters are those of the last whole step.
"""

from cnn_core.layers cimport Poll, new_poll, poll_run, raise_pending, raise_signal
from cnn_core.stack cimport Stack
from cnn_core.types cimport SLICE_FLOPS, Run


cdef double work_per_row(Stack self):
    """Number of floating-point operations of training for each row, about."""
    return 6.0*self.n_parameters + 1e3


cdef void start_polling(Stack self, Run *run, Poll *poll, double deadline):
    """Let a run with long batches be polled. `poll` must stay at its address during the run."""
    poll[0] = new_poll(deadline)
    poll.owner = <void *>self
    if work_per_row(self) * min(run.batch, run.count) > SLICE_FLOPS:
        run.poll, run.poller = poll_run, poll


cdef bint has_failed(const Run *run) noexcept nogil:
    """Whether a run has ended before the step of its last batch."""
    return run.failed or run.loss_spec.failed or run.ended or run.ended_late


cdef void begin_batch(Stack self, Run *run, void *settled) noexcept nogil:
    """Copy the running statistics to `settled`, if it is not NULL: a batch that ends early must not change them."""
    if settled != NULL:
        memcpy(settled, run.running, self.running_memory.count * self.itemsize)
        self.in_batch = True


cdef void end_batch(Stack self, Run *run, const void *settled) noexcept nogil:
    """Take the count of steps of a slice. A batch that ended early does not count, and its statistics are `settled`."""
    cdef bint failed = has_failed(run)
    self.step = run.step if run.update == NULL else run.update.step
    if failed:
        set_steps(self, self.step.count - 1)
    if failed and settled != NULL:
        memcpy(run.running, settled, self.running_memory.count * self.itemsize)
    self.in_batch = False


cdef int end_of_run(Run *run, Poll *poll) except -1:
    """Raise the exception that has ended a run; return 1 if the deadline has ended it, and 0 if nothing has."""
    raise_signal(poll)
    if run.failed:
        raise_pending()
    if run.loss_spec.failed:
        raise (<CustomCall>run.loss_spec.function).error
    return run.ended or run.ended_late


cdef double weight_of_rows(Run *run) noexcept nogil:
    """Sum of the sample weights of the rows run.first, ..., run.first + run.count - 1."""
    cdef double total = 0
    cdef Py_ssize_t i
    if run.target.weights == NULL:
        return run.count
    for i in range(run.first, run.first + run.count):
        total += run.target.weights[i if run.order == NULL else run.order[i]]
    return total
