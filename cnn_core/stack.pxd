"""A stack of dense layers in training; for predicting from Cython see `cnn_core.layers`, its base."""

from libc.stdint cimport int64_t, uint64_t

cimport numpy as cnp

from cnn_core.layers cimport Block, Layers
from cnn_core.types cimport Run, Step, Update, loss_fn, step_fn


cdef class Objective:
    cdef readonly object loss, n_threads, weights
    cdef readonly double l1, l2, scale
    cdef readonly bint penalty_per_row, activated

    cdef int threads(self) except -1


cdef class Stack(Layers):
    cdef loss_fn loss_kernel
    cdef step_fn step_kernel
    cdef Step step                      # hyperparameters of the optimizer, and its count of steps
    cdef object optimizer_name          # it and the memory: read and replaced in critical sections
    cdef Update update                  # steps after the whole gradient
    cdef bint updates, measured         # whether `update` is used; whether gradient norms are measured
    cdef bint proximal                  # whether l1 is applied after the step of the optimizer
    cdef Block rate_factors, squares    # None until they are needed
    cdef Block mask, frozen             # of `set_mask`, laid out like the parameters; or None
    cdef Block gradient_memory, average_memory
    cdef tuple moment_memory            # of blocks
    cdef cnp.ndarray norms_array
    cdef cnp.ndarray transposed         # second copies of weights in the other memory order, padding zero
    cdef Block copies                   # weights and their transposes in low precision; None until they are needed
    cdef cnp.ndarray workspace
    cdef double input_dropout
    cdef readonly uint64_t dropout_key  # seed of dropout
    cdef const void *offset             # X W(0) of a `GramStack`, else NULL
    cdef void *gate                     # see `guard`: held by a slice, or while the state is copied
    cdef void *clock                    # lock that is never free, to wait for some microseconds
    cdef unsigned long holder, runner, changer      # threads: with the pass, in a slice, in `changing`; or 0
    cdef int waiting, readers           # threads that wait for the gate; calls that read memory of the stack
    cdef int state, captured_state      # number of returns of the core to Python; that of `captured`
    cdef int forks
    cdef Stack captured                 # copy of the state at the last return, if one was needed
    cdef Block settled                  # running statistics before a batch that may end early; or None
    cdef bint in_batch                  # whether the last whole step had `settled`; changed within slices only
    cdef readonly int64_t changes       # of the weights, and of what else a tape depends on
    cdef list spare                     # memory of tapes that are gone
    cdef int64_t passes_of_step, passes     # forward passes in training since the step `passes_of_step`
    cdef bint is_fixed                  # `fix_memory` was called
    cdef object token, shared           # token of memory of another stack; weak one of memory that others share

    cdef Block gradient_block(self)
    cdef object prepare(self, Run *run, X, y, Objective objective, Py_ssize_t batch, int threads, bint by_running)
    cdef void execute(self, Run *run, int threads) noexcept nogil
    cdef bint has_barriers(self) noexcept nogil
    cdef double penalty(self, double l1, double l2) noexcept nogil
    cdef object begin_run(self, Run *run, Objective objective, Py_ssize_t batch)
    cdef void plan_chunks(self, Run *run, int threads)
    cdef object begin_steps(self, Run *run, Objective objective)
    cdef object begin_updates(self, Run *run)
    cdef object run_epochs(self, Run *run, Py_ssize_t epochs, cnp.ndarray rates, int threads, double rows,
                           double deadline, on_step)
    cdef object evaluate(self, X, y, Objective objective, bint backward, bint training, double deadline,
                         order,
                         number=*)


cdef class Tape:
    cdef readonly Stack stack
    cdef Run run
    cdef object X, kept                 # rows that are read in place, and what keeps them alive
    cdef double scale
    cdef cnp.ndarray memory
    cdef int64_t changes                # that of the stack in the forward pass
    cdef bint is_busy                   # in a backward pass


cdef Py_ssize_t chunk_rows(Stack self, Py_ssize_t batch, int threads, bint activated)
cdef cnp.ndarray allocate_workspace(Stack self, Run *run, int threads)
cdef int begin_pass(Stack self, str what) except -1
cdef int end_pass(Stack self) except -1
cdef int begin_writing(Stack self) except -1
cdef int end_writing(Stack self) except -1
cdef void set_steps(Stack self, int64_t count) noexcept nogil
