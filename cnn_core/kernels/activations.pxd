"""The formulas: exp, log, the activations f and their derivatives f', on a vector of lanes.

(a) exp(x) = 2**n exp(r) with n = round(x / ln 2) by adding and subtracting 1.5 * 2**mantissa, and exp(r) by a
    minimax polynomial on |r| <= ln 2 / 2: error below 1.1 ulp. Results below the smallest normal number are 0.
(b) log(x) from the atanh series of (m - 1)/(m + 1) for the mantissa m in [sqrt(1/2), sqrt(2)).
(c) tanh: an odd polynomial below 0.625, 1 - 2/(exp(2x) + 1) above.
(d) f' is taken from the output a = f(z), so that z need not be kept; relu'(0) = 0.
(e) Only these few are applied by the products. The others are in `activations_of_z.pxd`: their f' is computed from z.
(f) NaN passes through all of them, and no operand can overflow.
"""

from libc.math cimport INFINITY
from libc.string cimport memcpy

from cnn_core.activation_codes cimport IDENTITY, RELU, SIGMOID, TANH, fused
from cnn_core.kernels.vec cimport (
    GROUP, LANES, ROUNDING, ivec, real, v_abs, v_copysign, v_div, v_exponent, v_high, v_load, v_low, v_lt,
    v_mantissa, v_max, v_min, v_rounded, v_scale, v_select, v_set1, v_store, v_where, vec)


cdef inline vec v_lowest() noexcept nogil:
    """Below this x, exp(x) is smaller than a normal number."""
    return v_set1(<real>-87.336 if sizeof(real) == 4 else <real>-708.39)


cdef inline vec v_exp_parts(vec x, vec *t) noexcept nogil:
    """exp(x) = (1 + p) 2**n: returns p, and t = n + ROUNDING; x is limited to the range of exp."""
    cdef vec n, r, p, highest
    if sizeof(real) == 4:
        highest = v_set1(<real>88.37)
    else:
        highest = v_set1(<real>709.43)
    x = v_min(highest, v_max(v_lowest(), x))
    t[0] = x * <real>1.4426950408889634 + ROUNDING
    n = t[0] - ROUNDING
    if sizeof(real) == 4:
        r = x - n * <real>0.693359375
        r = r - n * <real>-2.12194440e-4
        p = r * <real>0.00139263256181 + <real>0.00836329275303
        p = p * r + <real>0.0416665537626
        p = p * r + <real>0.166665763056
        p = p * r + <real>0.5
    else:
        r = x - n * <real>6.93147180369123816490e-01
        r = r - n * <real>1.90821492927058770002e-10
        p = r * <real>2.5100569275813682631e-8 + <real>2.762032742826823816e-7
        p = p * r + <real>2.7557268072890098263e-6
        p = p * r + <real>0.000024801520792572692843
        p = p * r + <real>0.00019841269863303223296
        p = p * r + <real>0.0013888888917538295848
        p = p * r + <real>0.0083333333333300117609
        p = p * r + <real>0.041666666666623476764
        p = p * r + <real>0.16666666666666667468
        p = p * r + <real>0.50000000000000010417
    return p * r * r + r


cdef inline vec v_exp(vec x) noexcept nogil:
    cdef vec t, p = v_exp_parts(x, &t)
    return v_select(v_lt(x, v_lowest()), v_set1(0), v_scale(p, t))


cdef inline vec v_expm1(vec x) noexcept nogil:
    """exp(x) - 1, to full relative accuracy."""
    cdef vec t, p = v_exp_parts(x, &t), power = v_scale(v_set1(0), t)
    return p * power + (power - <real>1.0)


cdef inline vec v_atanh_series(vec s) noexcept nogil:
    """2 atanh(s) = 2 s (1 + s^2/3 + s^4/5 + ...) for |s| <= 0.172."""
    cdef vec q = s * s, p
    cdef int odd
    if sizeof(real) == 4:
        odd = 9
    else:
        odd = 23
    p = v_set1(<real>2.0 / odd)
    while odd > 3:
        odd -= 2
        p = p * q + <real>2.0 / odd
    return s * <real>2.0 + v_rounded(s * q * p)


cdef inline vec v_log(vec x) noexcept nogil:
    """Natural logarithm of x, positive and normal."""
    cdef vec m = v_mantissa(x)
    return v_exponent(x) * <real>0.693147180559945309417 + v_atanh_series(v_div(m - <real>1.0, m + <real>1.0))


cdef inline vec v_log1p(vec x) noexcept nogil:
    """log(1 + x) for x in [0, 1], to full relative accuracy."""
    cdef ivec large = v_lt(v_set1(<real>0.4142135623730950), x)
    cdef vec numerator = v_select(large, x - <real>1.0, x)
    cdef vec denominator = v_select(large, x + <real>3.0, x + <real>2.0)
    return v_where(large, v_set1(<real>0.693147180559945309417)) + v_atanh_series(v_div(numerator, denominator))


cdef inline vec v_sigmoid(vec x) noexcept nogil:
    return v_div(v_set1(1), v_exp(v_set1(0) - x) + <real>1.0)


cdef inline vec v_tanh(vec x) noexcept nogil:
    cdef vec a = v_abs(x), u = x * x, p, large
    if sizeof(real) == 4:
        p = u * <real>-0.00609671416591 + <real>0.0209971789991
        p = p * u - <real>0.0538509095785
        p = p * u + <real>0.13332769737
        p = p * u - <real>0.333333289441
    else:
        p = u * <real>-2.4388316314720878041e-6 + <real>0.000012209921790162781662
        p = p * u - <real>0.000037081069215442333853
        p = p * u + <real>0.000096041091570262659879
        p = p * u - <real>0.00023888944636751173895
        p = p * u + <real>0.0005899818158388232071
        p = p * u - <real>0.0014558283998303245859
        p = p * u + <real>0.0035921275075992522291
        p = p * u - <real>0.0088632354998019925691
        p = p * u + <real>0.021869488535133222007
        p = p * u - <real>0.053968253968235901344
        p = p * u + <real>0.13333333333333320761
        p = p * u - <real>0.33333333333333333319
    large = v_set1(1) - v_div(v_set1(2), v_exp(a + a) + <real>1.0)
    return v_select(v_lt(a, v_set1(<real>0.625)), p * u * x + x, v_copysign(large, x))


cdef inline vec v_activate(int activation, vec z) noexcept nogil:
    if activation == RELU:
        return v_max(v_set1(0), z)
    if activation == SIGMOID:
        return v_sigmoid(z)
    if activation == TANH:
        return v_tanh(z)
    return z


cdef inline vec v_chain(int activation, vec a, vec d) noexcept nogil:
    """d f'(z), from a = f(z)."""
    if activation == RELU:
        return v_where(v_lt(v_set1(0), a), d)
    if activation == SIGMOID:
        return d * (a * (v_set1(1) - a))
    if activation == TANH:
        return d * (v_set1(1) - a * a)
    return d


cdef inline real total_of(vec *partial) noexcept nogil:
    """Sum of all lanes of GROUP vectors, by halves: the same order for every width of a vector."""
    cdef real lanes[16]
    cdef int h = GROUP // 2, i
    while h >= 1:
        for i in range(h):
            partial[i] = partial[i] + partial[i + h]
        h = h // 2
    v_store(lanes, partial[0])
    h = LANES // 2
    while h >= 1:
        for i in range(h):
            lanes[i] = lanes[i] + lanes[i + h]
        h = h // 2
    return lanes[0]


cdef inline void softmax_row(Py_ssize_t n, const real *z, real *out) noexcept nogil:
    """out[n] = softmax(z[n]); out may be z."""
    cdef Py_ssize_t j, v
    cdef int g
    cdef real largest = z[0], total
    cdef real line[16]
    cdef real *target
    cdef vec partial[4]
    for j in range(1, n):
        largest = z[j] if z[j] > largest else largest
    for g in range(GROUP):
        partial[g] = v_set1(0)
    j = 0
    while j < n:
        target = out + j if j + LANES*GROUP <= n else line
        for v in range(LANES*GROUP):
            target[v] = z[j + v] if j + v < n else -INFINITY
        for g in range(GROUP):
            v_store(target + g*LANES, v_exp(v_load(target + g*LANES) - largest))
            partial[g] = partial[g] + v_load(target + g*LANES)
        if target == line:
            memcpy(out + j, line, (n - j)*sizeof(real))
        j += LANES*GROUP
    total = total_of(partial)
    for j in range(n):
        out[j] = out[j] / total


cdef inline void activate_block(int activation, Py_ssize_t m, Py_ssize_t n, real *z, Py_ssize_t ld) noexcept nogil:
    """z[m, n] = f(z[m, n]); n a multiple of LANES."""
    cdef Py_ssize_t _, j
    if activation == IDENTITY or not fused(activation):
        return
    for _ in range(m):
        j = 0
        while j < n:
            v_store(z + j, v_activate(activation, v_load(z + j)))
            j += LANES
        z += ld


cdef inline void derive_block(int activation, Py_ssize_t m, Py_ssize_t n, const real *a, real *d,
                              Py_ssize_t ld) noexcept nogil:
    """d[m, n] *= f'(z[m, n]), from a = f(z); n a multiple of LANES."""
    cdef Py_ssize_t _, j
    if activation == IDENTITY or not fused(activation):
        return
    for _ in range(m):
        j = 0
        while j < n:
            v_store(d + j, v_chain(activation, v_load(a + j), v_load(d + j)))
            j += LANES
        a += ld
        d += ld


cdef inline void transpose_lanes(vec *r) noexcept nogil:
    """Transpose LANES vectors as a matrix, in registers."""
    cdef vec w[16]
    cdef int q, s = LANES
    while s > 1:
        for q in range(LANES // 2):
            w[2*q] = v_low(r[q], r[q + LANES//2])
            w[2*q + 1] = v_high(r[q], r[q + LANES//2])
        for q in range(LANES):
            r[q] = w[q]
        s = s // 2


cdef inline void transpose_block(const real *source, Py_ssize_t lds, Py_ssize_t rows, real *target, Py_ssize_t ldt,
                                 Py_ssize_t columns) noexcept nogil:
    """target[columns, LANES] = source[rows, LANES]^T for at most LANES rows and columns; missing rows are zeros."""
    cdef vec r[16]
    cdef int q
    for q in range(LANES):
        r[q] = v_load(source + q*lds) if q < rows else v_set1(0)
    transpose_lanes(r)
    for q in range(LANES):
        if q < columns:
            v_store(target + q*ldt, r[q])
