"""A stack of dense layers. From Cython: `cimport cnn_core.stack`, then `stack.forward_rows(x, m, out)` without the GIL."""

cimport numpy as cnp

from cnn_core.dense cimport DenseKernels
from cnn_core.types cimport Net, Rows, Run, Step, loss_fn, step_fn


cdef class Stack:
    cdef Net net
    cdef DenseKernels *dense
    cdef loss_fn loss_kernel
    cdef step_fn step_kernel
    cdef Step step                      # the optimizer's hyperparameters and how many steps it has taken
    cdef Py_ssize_t itemsize, classes
    cdef int type_number
    cdef void *parameters_data
    cdef readonly tuple sizes
    cdef readonly tuple activations
    cdef readonly tuple biases
    cdef readonly Py_ssize_t n_parameters
    cdef readonly object dtype
    cdef readonly cnp.ndarray parameters
    cdef readonly cnp.ndarray gradients
    cdef readonly tuple moments
    cdef readonly object optimizer
    cdef cnp.ndarray transposed         # W^T of every layer but the first, padding zero
    cdef cnp.ndarray workspace

    # out[m, n] = the network's output for x[m, k], both C-contiguous reals of its dtype; -1 when memory is out.
    cdef int forward_rows(self, const void *x, Py_ssize_t m, void *out) noexcept nogil
    cdef int forward_block(self, const Rows *x, Py_ssize_t m, void *out, bint link, int threads) noexcept nogil
    cdef int read_rows(self, cnp.ndarray X, double scale, Rows *rows) except -1
    cdef object prepare(self, Run *run, cnp.ndarray X, y, object loss, double scale, Py_ssize_t batch, int threads)
    cdef Py_ssize_t chunk_rows(self, Py_ssize_t batch, int threads)
    cdef cnp.ndarray carve(self, Run *run, int threads)
    cdef int execute(self, Run *run, int threads) except -1
    cdef double penalty(self, double l1, double l2)
    cdef object evaluate(self, cnp.ndarray X, y, loss, double l1, double l2, double scale, n_threads, bint backward)
