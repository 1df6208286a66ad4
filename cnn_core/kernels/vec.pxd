"""The vector type of `vec.h`, declared for Cython: arithmetic on all lanes at once."""

cdef extern from "vec.h" nogil:
    ctypedef float real                     # float, or double under CNN_DOUBLE
    ctypedef float vec                      # LANES reals
    ctypedef int ivec                       # LANES integers of the same width: masks
    ctypedef struct fp_state:
        pass
    enum: LANES
    enum: ACCUMULATORS
    enum: BY_LANE                           # whether a multiply-add takes a number from one lane
    enum: DOTS                              # dot products a tile has room for
    enum: GROUP                             # vectors in 64 bytes
    enum: LOW_PRECISION                     # whether networks of these reals may have products of low precision
    real ROUNDING
    const real *ZEROS                       # eight vectors
    void PREFETCH(const void *) noexcept
    void PREFETCH_WRITE(const void *) noexcept          # of a cache line that is written next
    vec v_load(const real *) noexcept
    void v_store(real *, vec) noexcept
    vec v_set1(real) noexcept
    vec v_keep(vec) noexcept                # the same, kept in a register
    vec v_broadcast(const real *) noexcept  # the number at an address in all lanes
    const real *address_keep(const real *) noexcept    # the same, kept in a register
    vec v_rounded(vec) noexcept             # a product that is not fused with an addition
    double d_rounded(double) noexcept
    ivec v_lt(vec, vec) noexcept            # a < b
    vec v_select(ivec, vec, vec) noexcept
    vec v_where(ivec, vec) noexcept         # the vector, or 0 where the mask is off
    vec v_first(int n, vec) noexcept        # its first n lanes, 0 in the others
    bint v_is_zero(vec) noexcept            # all lanes 0 or -0
    vec v_max(vec floor, vec x) noexcept
    vec v_min(vec ceiling, vec x) noexcept
    vec v_abs(vec) noexcept
    vec v_copysign(vec, vec) noexcept
    vec v_div(vec, vec) noexcept
    vec v_sqrt(vec) noexcept
    vec v_scale(vec, vec) noexcept          # (1 + p) * 2**n, from p and ROUNDING + n
    vec v_exponent(vec) noexcept
    vec v_mantissa(vec) noexcept
    vec v_low(vec, vec) noexcept
    vec v_high(vec, vec) noexcept
    fp_state flush_subnormals() noexcept
    void restore_fp(fp_state) noexcept
