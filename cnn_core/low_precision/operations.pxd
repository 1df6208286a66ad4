"""The operations of `low_precision.h`, declared for Cython."""

from cnn_core.kernels.vec cimport ivec, real, vec

cdef extern from "low_precision.h" nogil:
    enum: ROWS                              # of a tile
    enum: PARTS                             # vectors in 16 columns
    enum: TILES                             # 1 with AMX
    enum: PANELS                            # of a tile: 16 columns each
    enum: PANELS_OF_ONE                     # of a tile of one row
    const real *NO_ROW                      # zeros, where a product has no D
    ivec w_load(const void *) noexcept
    void w_store(void *, ivec) noexcept
    ivec w_set1(const void *) noexcept      # the word there, in all lanes
    ivec w_zero() noexcept
    vec w_real(ivec) noexcept               # the same bits
    vec w_to_real(ivec) noexcept            # the same numbers
    vec w_first(ivec) noexcept              # the first bfloat16 of each word
    vec w_second(ivec) noexcept
    vec v_load_first(const real *, Py_ssize_t n) noexcept
    ivec w_pairs(vec first, vec second) noexcept
    ivec w_row(vec low, vec high) noexcept
    void store_quantized(void *, vec x, vec factor, vec shift) noexcept
    vec dot_bfloat16(vec total, ivec a, ivec b) noexcept
    ivec dot_int8(ivec total, ivec a, ivec b) noexcept
    void t_configure(int first, int second) noexcept
    void t_release() noexcept
    void t_zero(const int tile) noexcept
    void t_load(const int tile, const void *, Py_ssize_t stride) noexcept
    void t_store(const int tile, void *, Py_ssize_t stride) noexcept
    void t_dot(const int int8, const int total, const int second) noexcept
