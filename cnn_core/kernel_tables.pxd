"""Tables of pointers to the kernels of one instruction set and type of real, which the cold modules fetch once."""

from libc.stdint cimport int8_t

from cnn_core.types cimport Net, Rows, Run, Shared, Team, poll_fn

cdef struct DenseKernels:
    # out[count, n or 2] = the network's output for rows first, first + 1, ... of x; work has room for
    # 2 * (block + 1) * net.width reals. Returns 1; with `finite_only` 0 as soon as a number of x or of the output is
    # not finite (out is then incomplete); -1 when a user's function has set an exception.
    int (*forward)(const Net *net, const void *parameters, const Rows *x, Py_ssize_t first, Py_ssize_t count,
                   void *out, int output, bint finite_only, Py_ssize_t block, void *work) noexcept nogil
    # units first, ..., last - 1 of layer `index`, in whole cache lines, of which the last one may be filled in part:
    # a[m, ld] = f(x[m, k] W + b) in these columns; for a plain network and W stored inputs x units. Returns 1, or 0
    # without a result if `finite_only` and a number of x is not finite.
    int (*forward_units)(const Net *net, int index, const void *parameters, const void *x, Py_ssize_t ldx, Py_ssize_t m,
                         Py_ssize_t first, Py_ssize_t last, bint finite_only, void *a) noexcept nogil
    # copies of W of narrow layers, for predictions of many rows: those with `copied_numbers`, in turn
    void (*copy_narrow)(const Net *net, const void *parameters, void *copies) noexcept nogil
    # target[m] = rows first, first + 1, ... of x: converted, scaled, encoded; padded with zeros to rows of ld reals
    void (*gather)(const Rows *x, Py_ssize_t first, Py_ssize_t m, void *target, Py_ssize_t ld) noexcept nogil
    # passes of training, or one gradient, or one loss; called by each thread of a region with its rank
    void (*run)(Run *run, int rank, int size) noexcept nogil
    # forward of all rows of a tape, backward of them, a step with a given gradient; called as `run`
    void (*record)(Run *run, int rank, int size) noexcept nogil
    void (*play_back)(Run *run, int rank, int size) noexcept nogil
    void (*apply_gradient)(Run *run, int rank, int size) noexcept nogil
    # dropout of the inputs in a tape's forward pass, applied to rows x
    void (*drop_rows)(Run *run, void *x, Py_ssize_t ldx) noexcept nogil
    # passes of several runs; called by each thread of a region with its rank
    void (*together)(Team *team, int rank, int size) noexcept nogil
    # passes of runs that share weights; called by each thread of a region with its rank
    void (*share_weights)(Shared *shared, int rank, int size) noexcept nogil
    # runs that a bundle has room for; 0 if the run cannot be part of one
    int (*bundle_lanes)(const Run *run) noexcept nogil
    # bytes of the workspace of a bundle of runs like this one
    Py_ssize_t (*bundle_size)(const Run *run) noexcept nogil
    # l2/2 sum w^2 + l1 sum |w| over count reals
    double (*penalty)(double l1, double l2, Py_ssize_t count, const void *w) noexcept nogil
    # first layer's weights += X^T dZ[0]; run.gradients points to the parameters
    void (*add_outer)(Run *run, int rank, int size) noexcept nogil

cdef struct Gemm:               # C[m, n] = A[m, k] B[k, n]; strides in reals, of any sign
    Py_ssize_t m, n, k
    const void *a               # A[i, p] at a[i*a_row + p*a_col]
    Py_ssize_t a_row, a_col
    const void *b
    Py_ssize_t b_row, b_col
    void *c                     # rows ldc apart
    Py_ssize_t ldc
    void *work                  # aligned to a cache line; `workspace_size` reals for each thread
    const void *kernels
    poll_fn poll                # NULL: the product is too small to be polled
    void *poller

cdef struct ArrayKernels:
    # reals of workspace for each thread, a multiple of 64 bytes
    Py_ssize_t (*workspace_size)(const Gemm *g, int size) noexcept nogil
    # a thread's share of the product; incomplete if `poll` ends it
    void (*gemm)(const Gemm *g, int rank, int size) noexcept nogil
    # out[count] = f(z)
    void (*activate)(int activation, Py_ssize_t count, const void *z, void *out) noexcept nogil
    # out[count] = d f'(z), from a = f(z)
    void (*derive)(int activation, Py_ssize_t count, const void *a, const void *d, void *out) noexcept nogil
    # out[count] = d f'(z), for any f
    void (*derive_from_inputs)(int activation, Py_ssize_t count, const void *z, const void *d, void *out) noexcept nogil
    # out[m, n] = softmax of each row of z
    void (*softmax)(Py_ssize_t m, Py_ssize_t n, const void *z, void *out) noexcept nogil
    # sum of a[count] * b[count]
    double (*dot)(Py_ssize_t count, const void *a, const void *b) noexcept nogil
    # at least `rounds` rounds of multiply-adds in registers; stores the number of operations, and returns a value that
    # depends on all of them
    double (*multiply_add)(Py_ssize_t rounds, double *operations) noexcept nogil
    # reads `count` reals, a multiple of 256, `rounds` times
    double (*read_memory)(Py_ssize_t count, const void *data, Py_ssize_t rounds) noexcept nogil

cdef struct LowPrecisionKernels:
    # Operands: A has rows lda bytes apart, a multiple of 64; B is packed in panels of 16 columns, [k/2][16][2] bfloat16
    # or [k/4][16][4] int8. k is padded with zeros to 32 bfloat16 or 64 int8: the functions write the padding too. C, D,
    # scale and bias have whole panels of 16 columns; the others are read and written within their sizes. `panel`: bytes
    # from one panel to the next, 32 for each number of k if all of B is packed.
    # A[m, k] = X[m, k] in bfloat16
    void (*round_rows)(Py_ssize_t m, Py_ssize_t k, const float *x, Py_ssize_t ldx, void *a,
                       Py_ssize_t lda) noexcept nogil
    # A[m, k] = X[k, m]^T in bfloat16
    void (*round_columns)(Py_ssize_t m, Py_ssize_t k, const float *x, Py_ssize_t ldx, void *a,
                          Py_ssize_t lda) noexcept nogil
    # packed = B[k, n] in bfloat16
    void (*pack)(Py_ssize_t k, Py_ssize_t n, const float *b, Py_ssize_t ldb, void *packed,
                 Py_ssize_t panel) noexcept nogil
    # packed = B[n, k]^T in bfloat16
    void (*pack_transposed)(Py_ssize_t k, Py_ssize_t n, const float *b, Py_ssize_t ldb, void *packed,
                            Py_ssize_t panel) noexcept nogil
    # C[m, n] = D + A B; ldd = 0 repeats a row of D, and D NULL means zeros
    void (*multiply)(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const void *a, Py_ssize_t lda, const void *packed,
                     Py_ssize_t panel, const float *d, Py_ssize_t ldd, float *c, Py_ssize_t ldc) noexcept nogil
    # A[m, k] = clamp(round(X[m, k] * factor + shift), 0, 255) in uint8; NaN becomes 0
    void (*quantize_rows)(Py_ssize_t m, Py_ssize_t k, const float *x, Py_ssize_t ldx, const float *factor,
                          const float *shift, bint for_each_column, void *a, Py_ssize_t lda) noexcept nogil
    # packed = B[k, n], numbers in -127..127
    void (*pack_int8)(Py_ssize_t k, Py_ssize_t n, const int8_t *b, Py_ssize_t ldb, void *packed) noexcept nogil
    # C[m, n] = bias[n] + scale[n] * (A B), for k up to 65,000
    void (*multiply_int8)(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const void *a, Py_ssize_t lda, const void *packed,
                          const float *scale, const float *bias, float *c, Py_ssize_t ldc) noexcept nogil
