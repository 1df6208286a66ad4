"""What `dense` exports: three calls, each for a whole stack of layers."""

from cnn_core.types cimport Net, Rows, Run

cdef struct DenseKernels:
    # out[count, n or 2] = the stack applied to rows first, first + 1, ... of x; work holds 2 * (block + 1) * net.width
    # reals.
    # Returns 1; 0 and an unfinished out as soon as a number of x is not finite, with `finite_only`; -1 when a user's
    # function has set an exception.
    int (*forward)(const Net *net, const void *parameters, const Rows *x, Py_ssize_t first, Py_ssize_t count,
                   void *out, int output, bint finite_only, Py_ssize_t block, void *work) noexcept nogil
    # one pass of training, or one gradient, or one loss: called by each thread of a team with its rank
    void (*run)(Run *run, int rank, int size) noexcept nogil
    # l2/2 sum w^2 + l1 sum |w| over count reals
    double (*penalty)(double l1, double l2, Py_ssize_t count, const void *w) noexcept nogil
    # the first layer's weights += X^T dZ[0], where run.gradients are the parameters
    void (*add_outer)(Run *run, int rank, int size) noexcept nogil
