"""What `operations` exports: products and activations of whole arrays."""

cdef struct Gemm:               # C[m, n] = A[m, k] B[k, n]; strides in reals, of any sign
    Py_ssize_t m, n, k
    const void *a               # A[i, p] at a[i*a_row + p*a_col]
    Py_ssize_t a_row, a_col
    const void *b
    Py_ssize_t b_row, b_col
    void *c                     # rows ldc apart
    Py_ssize_t ldc
    void *work                  # on a cache line; `work` reals for each thread
    const void *kernels

cdef struct Operations:
    # reals of workspace a thread needs, a multiple of 64 bytes
    Py_ssize_t (*work)(const Gemm *g, int size) noexcept nogil
    # a thread's share of the product
    void (*gemm)(const Gemm *g, int rank, int size) noexcept nogil
    # out[count] = f(z)
    void (*activate)(int activation, Py_ssize_t count, const void *z, void *out) noexcept nogil
    # out[count] = d f'(z), from a = f(z)
    void (*derive)(int activation, Py_ssize_t count, const void *a, const void *d, void *out) noexcept nogil
    # out[count] = d f'(z), for any f
    void (*derive_from_inputs)(int activation, Py_ssize_t count, const void *z, const void *d, void *out) noexcept nogil
    # out[m, n] = softmax of each row of z
    void (*softmax)(Py_ssize_t m, Py_ssize_t n, const void *z, void *out) noexcept nogil
    # the sum of a[count] * b[count]
    double (*dot)(Py_ssize_t count, const void *a, const void *b) noexcept nogil
    # at least so many rounds of multiply-adds in registers, nothing else; returns what depends on them, and tells how
    # many operations these were
    double (*multiply_add)(Py_ssize_t rounds, double *operations) noexcept nogil
    # reads count reals, a multiple of 256, so many times
    double (*read)(Py_ssize_t count, const void *data, Py_ssize_t rounds) noexcept nogil
