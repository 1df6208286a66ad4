"""Dense layers. From Cython: `cimport cnn_core.layers`, then `layers.forward_rows(x, m, out)` without the GIL."""

cimport numpy as cnp

from cnn_core.kernel_tables cimport DenseKernels, LowPrecisionKernels
from cnn_core.types cimport Net, Pieces, Rows

cdef struct Poll:                   # of a long computation: see `polling.pyx`
    double flops                    # work of the calling thread since the last check
    double deadline                 # value of `perf_counter`
    bint expired                    # the deadline has passed
    int ending                      # flag that all threads of the region read: the computation must end
    void *error                     # exception of a signal handler, owned; or NULL
    unsigned long thread            # that called, and handles signals
    void *owner                 # stack in training, which is paused while Python runs; or NULL


cdef dict activation_codes
cdef Py_ssize_t padded_stride(Py_ssize_t n, Py_ssize_t itemsize) noexcept nogil
cdef Py_ssize_t round_up_rows(Py_ssize_t n) noexcept nogil
cdef cnp.ndarray aligned_zeros(Py_ssize_t count, dtype)
cdef object pinned(cnp.ndarray array)
cdef bint same_shape(cnp.ndarray one, cnp.ndarray other) noexcept
cdef int enter_user() except -1
cdef void leave_user() noexcept
cdef int thread_count(n_threads) except -1
cdef code_of(str what, dict codes, name)
cdef int raise_pending() except -1
cdef bint has_expired(double deadline) except -1
cdef Poll new_poll(double deadline) noexcept
cdef bint poll_run(void *poller, int rank, double flops) noexcept nogil
cdef int raise_signal(Poll *poll) except -1
cdef bint overlap(cnp.ndarray one, cnp.ndarray other) noexcept
cdef void *kernels_of(str concept, str real, const char *capsule) except NULL
cdef LowPrecisionKernels *low_precision_kernels() except NULL


cdef class Layers


cdef class Block:
    cdef cnp.ndarray room
    cdef void *data
    cdef Py_ssize_t count
    cdef int type_number
    cdef object token               # exists as long as memory is shared, see `states`; None for the owner's block


cdef bint is_in(cnp.ndarray array, Block block) noexcept
cdef Block make_packed(Layers self, precisions, bint transposed)
cdef Block allocate(Py_ssize_t count, dtype)
cdef cnp.ndarray array_of(Block block)


cdef struct UnitsOfY:
    const double *factor            # NULL: outputs are only rounded to the type of the result
    const double *shift
    bint is_double


cdef class Units:
    cdef UnitsOfY of_y
    cdef int type_number
    cdef bint as_vector
    cdef Py_ssize_t count
    cdef cnp.ndarray factors
    cdef cnp.ndarray shifts


cdef class Layers:
    cdef Net net
    cdef DenseKernels *dense
    cdef Py_ssize_t itemsize, classes
    cdef int type_number
    cdef void *parameters_data
    cdef Block memory, running_memory   # a `Stack` replaces them, in critical sections
    cdef Block scaling              # means and factors of `standardize`; a call keeps it alive
    cdef const double *mean
    cdef const double *factor
    cdef readonly Py_ssize_t clipped
    cdef readonly Py_ssize_t columns    # of X; the first layer takes as many, and the bins of `encode`
    cdef readonly tuple encoding        # the arguments of `encode`, or None
    cdef Block piece_memory         # a call keeps it alive, too
    cdef const Pieces *pieces
    cdef readonly tuple sizes
    cdef readonly tuple activations
    cdef readonly tuple biases
    cdef readonly tuple norms
    cdef readonly tuple residuals
    cdef readonly Py_ssize_t n_parameters
    cdef readonly object dtype
    cdef tuple scaled_by                # `statistics`
    cdef cnp.ndarray factors
    cdef bint units_major
    cdef readonly str precision         # of the products: "float32", "bfloat16" or "int8"
    cdef readonly tuple ranges          # the arguments of `quantize`, or None
    cdef bint is_low                    # whether the precision is not that of the reals
    cdef Block low_memory               # weights of `set_precision` or `quantize`; a call keeps it alive

    cdef Block low_weights(self)
    # Raise RuntimeError if a pass uses what is changed.
    cdef int check_change(self, str what) except -1
    # Around the call of a Python function in a slice of training: `pause`, and `resume` if that was true; see `Stack`.
    cdef bint pause(self) noexcept
    cdef void resume(self) noexcept
    # out[m, n] = the network's output for x[m, k], both C-contiguous reals of its dtype. Returns 0; -1 when memory is
    # out; -2 when a user's activation has set an exception.
    cdef int forward_rows(self, const void *x, Py_ssize_t m, void *out) noexcept nogil
    cdef int forward_block(self, const Rows *x, Py_ssize_t m, void *out, int output, bint finite_only,
                           int threads) noexcept nogil
    cdef int forward_slices(self, const Net *net, const Rows *x, Py_ssize_t m, char *out, int output, bint finite_only,
                            int threads, double deadline, const UnitsOfY *units) except? -3
    cdef int forward_net(self, const Net *net, const Rows *x, Py_ssize_t first, Py_ssize_t m, void *out, int output,
                         bint finite_only, int threads, const UnitsOfY *units) noexcept nogil
    cdef cnp.ndarray vector(self, cnp.ndarray flat)
    cdef cnp.ndarray output(self, X, cnp.ndarray out, Py_ssize_t m, Py_ssize_t n)
    cdef cnp.ndarray output_in(self, Units units, X, cnp.ndarray out, Py_ssize_t m)
    cdef int check_overlap(self, X, cnp.ndarray out) except -1
    cdef object read_rows(self, samples, double scale, Rows *rows)
    cdef int read_dense(self, cnp.ndarray X, double scale, Rows *rows) except -1
    cdef object read_sparse(self, X, double scale, Rows *rows)
