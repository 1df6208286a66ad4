"""Declarations that the cold modules and the kernels share: shapes, codes, and the description of one run of training.

Letters: m rows of the batch, k inputs, n units. Everything is independent of float or double, so that one `Stack`
serves both: pointers to reals are void, and a hot module casts them once.
"""

from libc.stdint cimport int64_t, uint64_t

cdef enum:
    ROW_GROUP = 16          # rows are divided among threads in multiples of this; buffers have such multiples of rows
    MOST_NARROW = 192       # layers stored units x inputs have fewer units than this
    NARROW_PANEL = 96       # their gradient is computed for this many inputs at once
    FEWEST_COPIED = 192     # fewest bytes of the units of a layer with a copy, and
    MOST_COPIED = 512 * 1024    # most bytes of the copy, which stays in the second-level cache: see `copied_numbers`
    GRAM_PANEL = 1024       # columns of X that are added to X X^T at once
    LARGE_WEIGHTS = 1024 * 1024     # bytes of W above which a layer is large: see `large.pyx`
    LARGE_UNITS = 48        # fewest units of a large layer
    LARGE_BLOCK = 512 * 1024    # bytes of the panels that are kept in the second-level cache
    LARGE_ROWS = 512        # rows of X whose gradient is computed at once
    LARGE_INPUTS = 64       # columns of X that are copied at once
    LARGE_STRIDE = 80       # reals from one row of this copy to the next: an odd number of cache lines
    NORM_BLOCK = 4096       # reals of a gradient whose squares are summed in one block
    PIECE_GROUP = 16        # bins of a column are padded to a multiple of this: whole vectors of every width
    TERM_GROUP = 32         # sums of bfloat16 products are cut at multiples of this many terms; so are rows and inputs
    PANEL = 16              # columns of a panel of an operand of low precision
    OPERAND_ROWS = 64       # rows that are rounded before they are multiplied
    OPERAND_BYTES = 256 * 1024  # bytes of rounded columns of X that are multiplied by dZ before the next columns

cdef enum:
    SLICE_FLOPS = 1000000000    # signals are checked after this much work, which takes some hundredths of a second,
    POLLED_FRACTION = 4         # and within a long batch after a fraction of it, 1 / this

cdef enum Norm:             # normalisation of z before the activation: see `norms.pyx`
    NO_NORM, LAYER_NORM, RMS_NORM, BATCH_NORM

cdef enum Output:           # form of the last layer's output
    LOGITS, LINKED, BOTH_CLASSES        # z; f(z); 1 - f(z) and f(z), for one output

cdef enum Loss:
    BINARY_CROSS_ENTROPY, SOFTMAX_CROSS_ENTROPY, MSE, SQUARED_ERROR, BINARY_FOCAL, SOFTMAX_FOCAL, GAUSSIAN_NLL
    ORDINAL, MAE, HUBER, LOG_COSH, TWEEDIE, QUANTILE, CUSTOM

cdef enum Method:           # those from AMSGRAD on are computed by `extra_step_lane`
    GRADIENT_ONLY, SGD, MOMENTUM, NESTEROV, ADAM, ADAMW
    AMSGRAD, NADAM, RADAM, RMSPROP, CENTERED_RMSPROP, ADAGRAD, ADADELTA, LION, RPROP

cdef enum Number:           # element types of the caller's matrix
    FLOAT32, FLOAT64, UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64

cdef enum Precision:        # of the products of a layer
    SINGLE, BFLOAT16, QUANTIZED     # the reals of the network; bfloat16; int8 with uint8 inputs

cdef struct Layer:
    Py_ssize_t k, n         # inputs, units
    Py_ssize_t ld           # row stride of W, of the activations and of dZ: n padded
    Py_ssize_t ldt          # row stride of W transposed: k padded
    Py_ssize_t w, b         # start of W and b in the vector of parameters; b = -1: no bias
    Py_ssize_t g            # start of a normalised layer's gain in the vector of parameters; -1: none
    Py_ssize_t r            # start of a batch-normalised layer's running mean, its variance ld later; -1: none
    int activation, norm
    bint residual           # the layer's input is added to its output
    double dropout          # probability of an output to be dropped in training
    bint has_epilogue       # the product leaves out the activation, since more comes between: see `epilogue.pyx`
    bint units_major        # W is stored units x inputs, rows ldt apart, instead of inputs x units, rows ld apart
    Py_ssize_t whole, ldw   # for units_major: units that fill whole cache lines, row stride of their transposed copy

# Calls the user's Python activation of layer `index`: a[m, n] = f(a), and slope = f'(a) unless slope is NULL. Returns
# -1 when an exception is set.
ctypedef int (*user_fn)(void *owner, int index, Py_ssize_t m, Py_ssize_t n, void *a, void *slope,
                        Py_ssize_t ld) noexcept nogil

cdef struct LowLayer:           # weights of a layer in low precision, packed as `LowPrecisionKernels` takes them
    int precision               # a Precision; SINGLE: the layer has no such weights
    void *weights               # W
    void *transposed            # W^T, in training
    const float *scale          # int8: factor of each unit's sum
    const float *bias           # int8: b, and what the shifts of the inputs add; without b if the layer is normalised
    const float *factor         # int8: an input becomes x * factor + shift
    const float *shift
    bint for_each_column        # factor and shift have a number for each input, else one

cdef struct LowPrecision:
    const void *kernels         # the LowPrecisionKernels
    LowLayer *layers

cdef struct Net:
    int depth
    Py_ssize_t width        # widest padded row of the input and of all layers' outputs
    const void *running     # running means and variances of batch-normalised layers
    Layer *layers
    bint plain              # no norm, residual, dropout or unfused activation: the fast paths apply
    user_fn call            # NULL if no activation is the user's
    void *owner             # the `Layers` object that is passed to `call`
    const LowPrecision *low_precision   # prediction: weights that are used in place of the parameters; or NULL
    const void *copies      # prediction of many rows: see `DenseKernels.copy_narrow`; or NULL

cdef struct Pieces:         # piecewise-linear functions of columns of X, the inputs that follow them: see `encode`
    Py_ssize_t count        # number of columns that are encoded
    const int64_t *columns  # their indices
    const int64_t *bins     # number of bins of each
    const void *lower       # reals for each bin: z becomes min(max((z - lower) * factor, low), high); those of a column
    const void *factor      # begin at a multiple of PIECE_GROUP
    const void *low
    const void *high
    # For each edge of the bins of each column a row of units of the first layer: what the bins add there, see
    # `encoded_layer`; NULL: rows have all bins.
    const void *table

cdef struct Rows:           # a matrix of the caller, read row by row
    const char *data
    Py_ssize_t count        # number of rows
    Py_ssize_t columns
    Py_ssize_t row_stride, column_stride    # bytes
    int kind                # a Number
    bint direct             # contiguous reals of the right type, no scaling, usable row stride: read without copying
    const int64_t *starts   # sparse: row i has the entries starts[i], ..., starts[i+1] - 1 of data; dense: NULL
    const void *indices     # sparse: column of each entry; entries with a column out of range are skipped
    bint wide_indices       # indices are int64, else int32
    double scale            # factor of every x; unused if `mean` is not NULL: then x becomes
    const double *mean      # (x - mean[column]) * factor[column]
    const double *factor
    Py_ssize_t clipped      # number of first columns that are clipped after this, see `smooth_clip`
    const Pieces *pieces    # NULL: the first layer takes the columns alone

cdef struct Target:         # class indices, or rows of `columns` reals
    const int64_t *labels
    const void *values
    Py_ssize_t columns
    const double *weights   # sample weight of each row; NULL: all 1

cdef struct LossSpec:       # a loss and its parameters
    int loss                # a Loss
    double parameter        # Huber's delta, Tweedie's power, gamma of the focal losses
    double smoothing        # label smoothing
    const double *levels    # for each output: its quantile, or the weight of positive labels; NULL: all 1
    void *function          # the Python object of a custom loss, borrowed
    bint failed             # the custom loss raised: the pass ends

cdef struct Step:           # one optimizer step
    int method
    double rate, l1, l2
    double momentum, beta_1, beta_2, epsilon, weight_decay
    double momentum_decay                   # nadam
    double decrease, increase, smallest, largest    # rprop: factors and bounds of a weight's step
    bint epsilon_hat        # adam: epsilon is added to sqrt(v) instead of sqrt(v')
    int64_t count           # steps taken, including this one
    double correction_1, correction_2       # 1 - beta**count
    double momentum_now, momentum_next      # nadam
    double momentum_product                 # product of the momenta of the first `in_product` steps
    int64_t in_product

ctypedef void (*loss_fn)(LossSpec *spec, const Layer *last, Py_ssize_t m, const void *z, const Target *target,
                         const int64_t *rows, Py_ssize_t first, double weight, void *dz, void *scratch,
                         double *row_loss) noexcept nogil
ctypedef void (*step_fn)(const Step *step, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t ld, bint is_weight, void *w,
                         void *g, Py_ssize_t ldg, void *m1, void *m2, void *m3) noexcept nogil
ctypedef void (*wait_fn)(void *pool, int rank) noexcept nogil
ctypedef void (*share_fn)(void *argument, int rank, int size) noexcept nogil
# Runs share(argument, rank, size) for all ranks, by whatever threads are free; returns when all are done.
ctypedef void (*divide_fn)(void *pool, share_fn work, void *argument, int size) noexcept nogil
# Called by each rank before a part of a long computation, with the number of operations of the part; returns False if
# the computation must end.
ctypedef bint (*poll_fn)(void *poller, int rank, double flops) noexcept nogil

cdef struct Update:         # a step that is taken after the whole gradient of a batch has been written
    Step step               # the optimizer's step; `Run.step` then only computes gradients
    const double *factors   # factor of the learning rate for each layer; 0: the layer is frozen
    double clip_norm, clip_value            # infinite: no clipping
    double *pass_norm       # for each pass the sum of its gradient norms; NULL: norms are not needed
    double *squares         # sum of squares of each NORM_BLOCK reals of the gradient
    Py_ssize_t size         # reals of the gradient
    void *average           # moving average of the parameters, or NULL
    double decay            # decay of the average
    const void *mask        # 1 where a parameter is trained, 0 where it is frozen; NULL: all are trained
    const void *frozen      # the values of the frozen ones, 0 elsewhere
    double l1               # factor of the L1 penalty of proximal steps; 0: it is a part of the gradient
    double shrinkage        # l1 of this step

cdef struct Run:            # passes over rows: everything a parallel region needs, so that no kernel allocates
    const Net *net
    const void *kernels     # the DenseKernels that run it
    Rows x
    Target target
    const int64_t *order    # row indices, or NULL for 0, 1, 2, ...
    Py_ssize_t first, count  # rows of the pass, as positions in the order
    Py_ssize_t batch, chunk
    LossSpec loss_spec
    bint activated          # the loss is one of the last layer's f(z), else one of its z
    bint backward           # False: only the loss is computed
    Step step
    Update *update          # NULL: each panel of W takes its step as soon as its gradient is computed
    bint penalty_per_row    # step.l1 and step.l2 are l1 and l2 divided by the sum of the batch's sample weights
    double l1, l2
    const double *rates     # learning rate of each step of all passes
    void *parameters
    void *gradients         # NULL: only the gradient of the inputs is needed
    void *m1                # the optimizer's moments, or NULL
    void *m2
    void *m3
    void *inputs            # chunk rows gathered
    const void *gathered    # rows from position `gathered_first` on, gathered already; or NULL
    Py_ssize_t gathered_first
    const void *offset      # gram training: initial X W, with row stride ld of the first layer; else NULL
    void **a                # for each layer: its output, its dZ, and a second copy of W in the other memory order
    void **dz
    void **wt
    void **slope            # f'(Z), where the product leaves out f; else NULL
    void **hat              # normalised layers: zhat, dy and statistics; residual layers: the gradient of the output
    void **dy
    void **inverse
    void **skip_gradient
    const LowPrecision *low_precision   # copies of W, and of W transposed; NULL: products are of the reals
    bint is_packed          # these copies, or those in `wt`, are those of the parameters
    bint renews_copies      # the steps of the last passes have updated the copies
    void **packed_dz        # for each layer: dZ of the chunk's rows in panels of `dz_panel` bytes; NULL: not needed
    Py_ssize_t dz_panel
    char *operands          # `operands_size` bytes for each thread, for rows in low precision
    Py_ssize_t operands_size
    void *running           # running means and variances
    bint by_running         # batches are normalised by the running statistics, else by their own
    bint training           # running statistics are updated, and units are dropped
    double input_dropout
    uint64_t key            # seed of dropout
    void *outputs           # on a tape: rows of n reals, the outputs or their gradient, see `tapes.pyx`
    void *scratch           # size `scratch_size` reals for each thread
    Py_ssize_t scratch_size
    double *row_loss        # chunk of them
    Py_ssize_t passes       # over the same rows, one after another
    double *pass_loss       # for each pass the sum of the loss over its rows
    loss_fn loss_and_gradient
    step_fn take_step
    wait_fn wait
    divide_fn divide        # NULL: each thread of a region runs the whole pass, with barriers: see `divided`
    void *pool
    int threads             # that share the work; 0 and 1: one
    bint failed             # a user's function has set an exception: the pass ends
    poll_fn poll            # NULL: no batch is long enough to be polled
    void *poller
    bint ended, ended_late  # decisions of `poll` for all ranks: after the rows of a chunk, before the step

cdef struct Chunk:          # rows of a batch that are computed together
    Run *run
    const void *x           # row stride ldx reals
    Py_ssize_t ldx
    Py_ssize_t at, m        # first row, as a position in the order, and number of rows
    double weight           # of a row
    int64_t step
    bint is_first, is_last  # of its batch
    Py_ssize_t row, end, some   # rows of the chunk whose gradient is computed; rows between two polls

cdef struct Bundle:         # runs of equal networks, computed at once, one in each lane of a vector: see `bundles.pyx`
    Run *runs[16]           # NULL in lanes that are left over
    int count
    char *work              # parameters and moments, then what a batch needs

cdef struct Team:           # several runs over the same rows, in the same order and batches: see `together.pyx`
    const Run *rows         # a run that reads the rows as all do
    Run **runs              # those of the first part, then of the second, ...
    const int *starts       # first run of each part, and the end of the last part
    int parts
    Bundle *bundles         # those of the first part, then of the second, ...
    const int *first_bundles  # first bundle of each part, and the end of the last part
    Py_ssize_t first, count  # rows, as positions in the order; first is a multiple of the batch
    Py_ssize_t group        # rows that are gathered at once: whole batches
    char *inputs            # for each part, `inputs_size` bytes for them
    Py_ssize_t inputs_size

cdef struct Shared:         # runs of equal networks that share weights: see `shared_weights.pyx`
    Run **runs              # one for each member; they compute gradients only
    int count, parts        # number of members, and of parts for threads
    Step step               # the optimizer's step, of shared and own parameters
    const double *rates     # learning rate of each step of the epoch
    void *weights           # what is shared, laid out like the parameters of a member; its gradient and moments
    void *gradients
    void *m1
    void *m2
    void *m3
    void *factors           # for each member `size` reals of factors, of their gradient, and of three moments
    Py_ssize_t size
    Py_ssize_t reals        # length of the vector of parameters of a member
    void **averages         # moving average of the parameters of each member; NULL: none
    double decay
    Py_ssize_t first, count_of_rows     # as positions in the order; first is a multiple of the batch
    char *inputs            # for each part, `inputs_size` bytes for the rows of a batch
    Py_ssize_t inputs_size
    wait_fn wait
    void *pool

cdef inline Py_ssize_t packed_panel(Py_ssize_t k) noexcept nogil:
    """Bytes of a panel of k rows of a packed operand of bfloat16."""
    return (k + TERM_GROUP - 1) // TERM_GROUP * TERM_GROUP * 2*PANEL


cdef inline Py_ssize_t operand_stride(Py_ssize_t k, int precision) noexcept nogil:
    """Bytes from one row of k numbers of low precision to the next: whole cache lines, no multiple of 1024 bytes."""
    cdef Py_ssize_t bytes = ((k if precision == QUANTIZED else 2*k) + 63) // 64 * 64
    return bytes + 64 if bytes % 1024 == 0 else bytes


cdef inline bint is_frozen(const Run *run, Py_ssize_t index) noexcept nogil:
    """Whether a layer is not trained."""
    return run.update != NULL and run.update.factors[index] == 0


cdef inline Py_ssize_t copied_numbers(const Layer *layer, Py_ssize_t size) noexcept nogil:
    """Reals of the copy of W for predictions of many rows; 0 if the layer has none. size: bytes of a real."""
    cdef Py_ssize_t line = 64 // size, numbers = (layer.k + line - 1) // line * line * layer.whole
    return 0 if layer.whole * size < FEWEST_COPIED or numbers * size > MOST_COPIED else numbers


cdef inline bint is_large(const Layer *layer, Py_ssize_t size) noexcept nogil:
    """Whether the products of a layer are computed by blocks, see `large.pyx`; size: bytes of a real."""
    return not layer.units_major and layer.n >= LARGE_UNITS and layer.k * layer.n * size > LARGE_WEIGHTS


cdef inline Py_ssize_t share(Py_ssize_t count, int rank, int size, Py_ssize_t group) noexcept nogil:
    """Start of the rank's part of `count` items in whole groups; the part ends where the next rank's part starts."""
    cdef Py_ssize_t groups = (count + group - 1) // group
    if size == 1:
        return count if rank > 0 else 0     # a division takes as long as a small product
    return min(count, groups * rank // size * group)


cdef struct Part:           # the part of a chunk that one rank computes
    Py_ssize_t at           # first row of the chunk, as a position in the order
    Py_ssize_t count        # rows of the chunk
    Py_ssize_t first, m     # first row of the rank within the chunk, number of its rows
    int64_t step
    int rank, size
