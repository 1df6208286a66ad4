"""What the cold side (`stack`) and the hot side (`dense` and its like) both know: shapes, codes, one run of training.

Letters: m rows of the batch, k inputs, n units. Everything is independent of float or double, so that one `Stack`
serves both: pointers to reals are void, and a hot module casts them once.
"""

from libc.stdint cimport int64_t

cdef enum:
    ROW_GROUP = 16          # rows are shared out to threads in multiples of this; so are rows of buffers
    MOST_NARROW = 192       # layers stored units x inputs have fewer units
    NARROW_PANEL = 96       # and take the gradient of so many inputs at once
    GRAM_PANEL = 1024       # columns of X whose part of X X^T is taken at once

cdef enum Activation:
    IDENTITY, RELU, SIGMOID, TANH, SOFTMAX, EXP

cdef enum Output:           # what forward gives of the last layer
    LOGITS, LINKED, BOTH_CLASSES        # z; f(z); 1 - f(z) and f(z), for one output

cdef enum Loss:
    BINARY_CROSS_ENTROPY, SOFTMAX_CROSS_ENTROPY, MSE, SQUARED_ERROR, BINARY_FOCAL, SOFTMAX_FOCAL, GAUSSIAN_NLL
    ORDINAL, MAE, HUBER, LOG_COSH, TWEEDIE, QUANTILE, CUSTOM

cdef enum Method:
    GRADIENT_ONLY, SGD, MOMENTUM, NESTEROV, ADAM, ADAMW

cdef enum Number:           # of the caller's matrix
    FLOAT32, FLOAT64, UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64

cdef struct Layer:
    Py_ssize_t k, n         # inputs, units
    Py_ssize_t ld           # row stride of W, of the activations and of dZ: n padded
    Py_ssize_t ldt          # row stride of W transposed: k padded
    Py_ssize_t w, b         # where W and b start in the arena; b = -1: no bias
    int activation
    bint units_major        # W is stored units x inputs, rows ldt apart, instead of inputs x units, rows ld apart
    Py_ssize_t whole, ldw   # then: the units that fill whole lines, and the row stride of their copy inputs x units

cdef struct Net:
    int depth
    Py_ssize_t width        # the widest padded row: of the input or of a layer's output
    Layer *layers

cdef struct Rows:           # a matrix the caller owns, read row by row
    const char *data
    Py_ssize_t columns
    Py_ssize_t row_stride, column_stride    # bytes
    int kind                # a Number
    bint direct             # reals side by side, as they are meant, rows at a good distance: read in place
    double scale            # what every x is multiplied by; or, unless these are NULL, x becomes
    const double *mean      # (x - mean[column]) * factor[column]
    const double *factor

cdef struct Target:         # class indices, or rows of so many reals
    const int64_t *labels
    const void *values
    Py_ssize_t columns
    const double *weights   # of the rows, or NULL: all 1

cdef struct Criterion:      # a loss, and what its formula depends on
    int loss                # a Loss
    double parameter        # Huber's delta, Tweedie's power, gamma of the focal losses
    double smoothing        # of labels
    const double *levels    # one an output: the quantiles; weights of positive labels, or NULL: all 1
    void *function          # of a custom loss: a Python object, borrowed
    bint failed             # it raised: the pass is to end

cdef struct Step:           # one optimizer step
    int method
    double rate, l1, l2
    double momentum, beta_1, beta_2, epsilon, weight_decay
    bint epsilon_hat        # adam: epsilon is added to the root of v, not of v'
    int64_t count           # steps taken, this one included
    double correction_1, correction_2       # 1 - beta**count

ctypedef void (*loss_fn)(Criterion *criterion, const Layer *last, Py_ssize_t m, const void *z, const Target *target,
                         const int64_t *rows, Py_ssize_t first, double weight, void *dz, void *scratch,
                         double *row_loss) noexcept nogil
ctypedef void (*step_fn)(const Step *step, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t ld, bint is_weight, void *w,
                         void *g, Py_ssize_t ldg, void *m1, void *m2) noexcept nogil
ctypedef void (*wait_fn)(void *team, int rank) noexcept nogil

cdef struct Run:            # a pass over rows: everything a region of threads needs, nothing allocated below
    const Net *net
    const void *kernels     # the DenseKernels to run it with
    Rows x
    Target target
    const int64_t *order    # row indices, or NULL for 0, 1, 2, ...
    Py_ssize_t first, count  # the rows of the pass, as places in the order
    Py_ssize_t batch, chunk
    Criterion criterion
    bint backward           # False: the loss alone
    Step step
    bint penalty_per_row    # step.l1 and step.l2 are these, divided by the rows of the batch or the sum of their weights
    double l1, l2
    const double *rates     # one a step, of all passes
    void *parameters
    void *gradients
    void *m1                # first and second moment, or NULL
    void *m2
    void *inputs            # chunk rows gathered
    const void *offset      # in the span of the rows: X W at the start, rows ld of the first layer apart; else NULL
    void **a                # a layer: its output, its dZ, and what W is not: its transpose, or the copy inputs x units
    void **dz
    void **wt
    void *scratch           # size `scratch_size` reals for each thread
    Py_ssize_t scratch_size
    double *row_loss        # chunk of them
    Py_ssize_t passes       # over the same rows, one after another
    double *pass_loss       # to each the sum of the loss over its rows is added
    loss_fn loss_and_gradient
    step_fn take_step
    wait_fn wait
    void *team
