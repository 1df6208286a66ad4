"""What the cold side (`stack`) and the hot side (`dense` and its like) both know: shapes, codes, one run of training.

Letters: m rows of the batch, k inputs, n units. Everything is independent of float or double, so that one `Stack`
serves both: pointers to reals are void, and a hot module casts them once.
"""

from libc.stdint cimport int64_t, uint64_t

cdef enum:
    ROW_GROUP = 16          # rows are shared out to threads in multiples of this; so are rows of buffers
    MOST_NARROW = 192       # layers stored units x inputs have fewer units
    NARROW_PANEL = 96       # and take the gradient of so many inputs at once
    GRAM_PANEL = 1024       # columns of X whose part of X X^T is taken at once
    NORM_BLOCK = 4096       # reals of a gradient whose squares are summed at once

cdef enum Activation:       # the products apply those up to SOFTMAX themselves, see `fused`
    IDENTITY, RELU, SIGMOID, TANH, SOFTMAX
    EXP, LEAKY_RELU, ELU, SELU, GELU, GELU_TANH, SILU, MISH, SOFTPLUS, SOFTSIGN
    HARD_SIGMOID, HARD_SWISH, HARD_TANH, RELU6, USER

cdef enum Norm:             # of z, before the activation: see `norms.pyx`
    NO_NORM, LAYER_NORM, RMS_NORM, BATCH_NORM

cdef enum Output:           # what forward gives of the last layer
    LOGITS, LINKED, BOTH_CLASSES        # z; f(z); 1 - f(z) and f(z), for one output

cdef enum Loss:
    BINARY_CROSS_ENTROPY, SOFTMAX_CROSS_ENTROPY, MSE, SQUARED_ERROR, BINARY_FOCAL, SOFTMAX_FOCAL, GAUSSIAN_NLL
    ORDINAL, MAE, HUBER, LOG_COSH, TWEEDIE, QUANTILE, CUSTOM

cdef enum Method:
    GRADIENT_ONLY, SGD, MOMENTUM, NESTEROV, ADAM, ADAMW
    AMSGRAD, NADAM, RADAM, RMSPROP, CENTERED_RMSPROP, ADAGRAD, ADADELTA, LION, RPROP    # from here on `further`

cdef enum Number:           # of the caller's matrix
    FLOAT32, FLOAT64, UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64

cdef struct Layer:
    Py_ssize_t k, n         # inputs, units
    Py_ssize_t ld           # row stride of W, of the activations and of dZ: n padded
    Py_ssize_t ldt          # row stride of W transposed: k padded
    Py_ssize_t w, b         # where W and b start in the arena; b = -1: no bias
    Py_ssize_t g            # where the gain of a normalised layer starts in the arena; -1: none
    Py_ssize_t r            # where a batch-normalised layer's running mean starts, its variance ld after it; -1: none
    int activation, norm
    bint residual           # the layer's input is added to its output
    double dropout          # in training: the probability of an output to be left out
    bint has_epilogue       # the product leaves out the activation, since more comes between: see `epilogue.pyx`
    bint units_major        # W is stored units x inputs, rows ldt apart, instead of inputs x units, rows ld apart
    Py_ssize_t whole, ldw   # then: the units that fill whole lines, and the row stride of their copy inputs x units

# A user's activation of layer `index`, where Python is: a[m, n] = f(a); slope = f'(a) unless it is NULL. -1 when an
# exception is set.
ctypedef int (*user_fn)(void *owner, int index, Py_ssize_t m, Py_ssize_t n, void *a, void *slope,
                        Py_ssize_t ld) noexcept nogil

cdef struct Net:
    int depth
    Py_ssize_t width        # the widest padded row: of the input or of a layer's output
    const void *running     # the running means and variances of its batch-normalised layers
    Layer *layers
    bint plain              # products do all there is to do: the small and the rolling way know no more
    user_fn call            # or NULL: no activation is the user's
    void *owner             # the `Layers` that `call` asks

cdef struct Rows:           # a matrix the caller owns, read row by row
    const char *data
    Py_ssize_t columns
    Py_ssize_t row_stride, column_stride    # bytes
    int kind                # a Number
    bint direct             # reals side by side, as they are meant, rows at a good distance: read in place
    const int64_t *starts   # NULL; or the matrix is sparse, and row i has the numbers starts[i], ..., starts[i+1] - 1
    const void *indices     # of data, in these columns; those that are out of range are skipped
    bint wide_indices       # they are int64, else int32
    double scale            # what every x is multiplied by; or, unless these are NULL, x becomes
    const double *mean      # (x - mean[column]) * factor[column]
    const double *factor

cdef struct Target:         # class indices, or rows of so many reals
    const int64_t *labels
    const void *values
    Py_ssize_t columns
    const double *weights   # of the rows, or NULL: all 1

cdef struct LossSpec:      # a loss, and what its formula depends on
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
    double momentum_decay                   # nadam
    double decrease, increase, smallest, largest    # rprop: factors of a weight's step, and its bounds
    bint epsilon_hat        # adam: epsilon is added to the root of v, not of v'
    int64_t count           # steps taken, this one included
    double correction_1, correction_2       # 1 - beta**count
    double momentum_now, momentum_next      # nadam
    double momentum_product                 # of the momenta of the first `in_product` steps; 1 of none
    int64_t in_product

ctypedef void (*loss_fn)(LossSpec *spec, const Layer *last, Py_ssize_t m, const void *z, const Target *target,
                         const int64_t *rows, Py_ssize_t first, double weight, void *dz, void *scratch,
                         double *row_loss) noexcept nogil
ctypedef void (*step_fn)(const Step *step, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t ld, bint is_weight, void *w,
                         void *g, Py_ssize_t ldg, void *m1, void *m2, void *m3) noexcept nogil
ctypedef void (*wait_fn)(void *pool, int rank) noexcept nogil

cdef struct Update:         # of steps that wait for the whole gradient of a batch
    Step step               # the optimizer's; that of the run then gathers gradients only
    const double *factors   # of the rate, one a layer; 0: the layer is frozen
    double clip_norm, clip_value            # infinite: none
    double *pass_norm       # to each the norms of the pass's gradients are added; NULL: nobody asks for norms
    double *squares         # of each NORM_BLOCK reals of the gradient
    Py_ssize_t size         # reals of the gradient
    void *average           # of the parameters after each step, or NULL
    double decay            # of the average
    const void *mask        # 1 where a parameter is trained, 0 where it is frozen; NULL: all are trained
    const void *frozen      # the values of the frozen ones, 0 elsewhere

cdef struct Run:            # a pass over rows: everything a region of threads needs, nothing allocated below
    const Net *net
    const void *kernels     # the DenseKernels to run it with
    Rows x
    Target target
    const int64_t *order    # row indices, or NULL for 0, 1, 2, ...
    Py_ssize_t first, count  # the rows of the pass, as places in the order
    Py_ssize_t batch, chunk
    LossSpec loss_spec
    bint backward           # False: the loss alone
    Step step
    Update *update          # NULL: the step is taken with the gradient, panel by panel
    bint penalty_per_row    # step.l1, step.l2 are these, divided by the rows of the batch or the sum of their weights
    double l1, l2
    const double *rates     # one a step, of all passes
    void *parameters
    void *gradients         # NULL: only those of the inputs are asked for
    void *m1                # the optimizer's moments, or NULL
    void *m2
    void *m3
    void *inputs            # chunk rows gathered
    const void *offset      # in the span of the rows: X W at the start, rows ld of the first layer apart; else NULL
    void **a                # a layer: its output, its dZ, and what W is not: its transpose, or the copy inputs x units
    void **dz
    void **wt
    void **slope            # f'(Z), where the product does not apply f; else NULL
    void **hat              # of a normalised layer: zhat, dy, statistics; of a residual one the gradient at its output
    void **dy
    void **inverse
    void **skip_gradient
    void *running           # running means and variances
    bint by_running         # batches are normalised by them; else by their own, which move them in training
    bint training           # statistics move, and units are dropped
    double input_dropout
    uint64_t key            # of what is dropped
    int64_t first_step      # steps taken before the pass
    void *scratch           # size `scratch_size` reals for each thread
    Py_ssize_t scratch_size
    double *row_loss        # chunk of them
    Py_ssize_t passes       # over the same rows, one after another
    double *pass_loss       # to each the sum of the loss over its rows is added
    loss_fn loss_and_gradient
    step_fn take_step
    wait_fn wait
    void *pool
    bint failed             # a user's function has set an exception: nothing further is done

cdef inline bint is_frozen(const Run *run, Py_ssize_t index) noexcept nogil:
    """Whether a layer is left as it is."""
    return run.update != NULL and run.update.factors[index] == 0


cdef inline bint fused(int activation) noexcept nogil:
    """Whether the products apply an activation: its derivative is taken from its output."""
    return activation <= SOFTMAX


cdef inline Py_ssize_t share(Py_ssize_t count, int rank, int size, Py_ssize_t group) noexcept nogil:
    """Where the rank's part of count things starts, in whole groups; it ends where the next rank's starts."""
    cdef Py_ssize_t groups = (count + group - 1) // group
    if size == 1:
        return count if rank > 0 else 0     # a division takes as long as a small product
    return min(count, groups * rank // size * group)


cdef struct Part:           # of a chunk, what one rank works on
    Py_ssize_t at           # the chunk's first row, as a place in the order
    Py_ssize_t count        # rows of the chunk
    Py_ssize_t first, m     # the rank's rows: from which one of the chunk, how many
    int64_t step
    int rank, size
