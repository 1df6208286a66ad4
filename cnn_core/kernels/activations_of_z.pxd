"""Formulas of the activations whose derivative is computed from the input z: f and f', on a vector of lanes.

(a) f and f' are computed together, since they share an exponential. `v_piecewise_linear` has those made of straight
    lines, `v_sine` the sine, `v_smooth` the others, with one exponential for all of them: separate code for each would
    be a large part of a kernel's size.
(b) The exponential is of -|z| where that is possible: e <= 1, and sigmoid(z) and 1 - sigmoid(z) both keep all their
    digits. A factor z is first brought within bounds outside of which the other factor is 0 or 1, so that infinities
    reach the limits. exp itself ends at the largest power v_exp can give and never becomes infinite.
(c) At a kink f' is that of the left for leaky_relu, elu and selu; where a ramp meets a level it is the level's.
(d) gelu needs Phi, of the normal distribution. 1 - Phi(x) = exp(-x^2/2) R(x), and R is a quotient of polynomials with
    positive coefficients, so that nothing cancels: degrees 4 and 5 for float (relative error 6e-9 up to x = 14.5), 9
    and 10 for double (6e-17 up to 39), beyond which the exponential is 0. They minimise sum w (P - R Q)^2 / (R Q)^2
    over Chebyshev points of (x - 2)/(x + 2), this Q being that of the pass before and w multiplied by the error after
    each pass (Lawson's way to the least maximum), in 60 digits. No digit of x^2 is lost: it is h^2 + (x - h)(x + h), h
    being x with half of its digits.
(e) sine is of z within 8192. The nearest multiple n of pi/2 is subtracted in three parts, of which the first two times
    n are exact, since n has 13 bits; sin and cos of the rest are polynomials of least error (float 2e-8 of the last
    term, double 2e-17).
(f) NaN passes through f, and through f' of smooth activations.
"""

from cnn_core.activation_codes cimport (
    ELU, EXP, GELU, GELU_TANH, HARD_SIGMOID, HARD_TANH, LEAKY_RELU, MISH, RELU6, SELU, SOFTPLUS, SOFTSIGN)
from cnn_core.kernels.activations cimport v_exp, v_expm1, v_log1p
from cnn_core.kernels.vec cimport (
    ROUNDING, ivec, real, v_abs, v_div, v_lt, v_max, v_min, v_rounded, v_select, v_set1, v_where, vec)


cdef inline bint is_piecewise_linear(int activation) noexcept nogil:
    """Whether `v_piecewise_linear` has the activation."""
    return activation == LEAKY_RELU or HARD_SIGMOID <= activation <= RELU6


cdef inline vec v_clip(real low, real high, vec x) noexcept nogil:
    return v_min(v_set1(high), v_max(v_set1(low), x))


cdef inline vec v_piecewise_linear(int activation, vec z, vec *slope) noexcept nogil:
    """f(z) and slope = f'(z) of activations made of straight lines, and of hard_swish."""
    cdef real low = -3, high = 3, steepness = 1
    cdef vec f
    if activation == LEAKY_RELU:
        slope[0] = v_select(v_lt(v_set1(0), z), v_set1(1), v_set1(<real>0.01))
        return z * slope[0]
    if activation == HARD_TANH:
        low, high = -1, 1
    elif activation == RELU6:
        low, high = 0, 6
    elif activation == HARD_SIGMOID:
        steepness = <real>(1.0 / 6)
    slope[0] = v_where(v_lt(v_set1(low), z) & v_lt(z, v_set1(high)), v_set1(steepness))
    if activation == HARD_TANH or activation == RELU6:
        return v_clip(low, high, z)
    f = v_div(v_clip(0, 6, z + <real>3.0), v_set1(6))
    if activation == HARD_SIGMOID:
        return f
    slope[0] = v_select(v_lt(z, v_set1(high)), slope[0] * (v_clip(low, high, z) * <real>(1.0 / 3) + <real>0.5),
                        v_set1(1))
    return v_max(v_set1(low), z) * f


cdef inline vec v_tail_ratio(vec x) noexcept nogil:
    """(1 - Phi(x)) exp(x^2/2) for x >= 0, Phi the distribution function of the normal distribution."""
    cdef vec p, q
    if sizeof(real) == 4:
        p = x * <real>0.004114176119363515 + <real>0.040617747330237396
        p = p * x + <real>0.18318740714293785
        p = p * x + <real>0.43822762138556237
        p = p * x + <real>0.5000000029716025
        q = x * <real>0.010312589610823583 + <real>0.10182007373422415
        q = q * x + <real>0.46934511416631747
        q = q * x + <real>1.202300232245602
        q = q * x + <real>1.6743402250944996
        q = q * x + <real>1.0
    else:
        p = x * <real>1.3843213386623997953e-6 + <real>0.000037223636685887437051
        p = p * x + <real>0.00049008511670598705029
        p = p * x + <real>0.0040870371787454302008
        p = p * x + <real>0.023611790568373263673
        p = p * x + <real>0.097664773168136150981
        p = p * x + <real>0.28925606088432778484
        p = p * x + <real>0.59393968100125306328
        p = p * x + <real>0.77480082584035284604
        p = p * x + <real>0.49999999999999997449
        q = x * <real>3.4699790086766215861e-6 + <real>0.000093305820199284601212
        q = q * x + <real>0.0012319311897204037088
        q = q * x + <real>0.010337988760661020858
        q = q * x + <real>0.060407503533311726345
        q = q * x + <real>0.25486734140652215745
        q = q * x + <real>0.78182142492800145392
        q = q * x + <real>1.7140349966548043414
        q = q * x + <real>2.5609023676410544049
        q = q * x + <real>2.3474862124835610101
        q = q * x + <real>1.0
    return v_div(p, q)


cdef inline vec v_sine(vec z, vec *slope) noexcept nogil:
    """sin z and slope = cos z, of the nearest of -8192 and 8192 beyond them, where the slope is 0."""
    cdef vec x = v_clip(-8192, 8192, z), n, quarter, square, s, c, minus
    cdef ivec odd
    n = x * <real>0.63661977236758134308 + ROUNDING - ROUNDING
    if sizeof(real) == 4:
        x = ((x - n * <real>1.5703125) - n * <real>0.00048351287841796875) - n * <real>3.1391647865048132e-7
        square = x * x
        s = (square * <real>-0.00019587639035792598 + <real>0.0083327471043728948) * square
        s = s + <real>-0.16666664656310707
        c = (square * <real>0.000024547689709382208 + <real>-0.0013888301867270141) * square
        c = c + <real>0.041666664653487288
    else:
        x = ((x - n * <real>1.570796326792333275079727) - n * <real>2.563344151583955789121955e-12)
        x = x - n * <real>1.056299906698742711221198e-23
        square = x * x
        s = square * <real>1.59179889443187152e-10 + <real>-2.50511298959628065e-8
        s = s * square + <real>2.75573160931960644e-6
        s = s * square + <real>-0.000198412698367405276
        s = s * square + <real>0.00833333333333093655
        s = s * square + <real>-0.166666666666666646
        c = square * <real>-1.13825446234042903e-11 + <real>2.08761450491082804e-9
        c = c * square + <real>-2.75573172658766157e-7
        c = c * square + <real>0.0000248015872987543983
        c = c * square + <real>-0.00138888888888873898
        c = c * square + <real>0.0416666666666666654
    s = x + x * square * s
    c = (square * <real>-0.5 + v_rounded(square * square * c)) + <real>1.0
    quarter = n - (n * <real>0.25 + ROUNDING - ROUNDING) * <real>4.0       # n modulo 4: -2, -1, 0, 1 or 2
    odd = v_lt(v_set1(<real>0.5), v_abs(quarter)) & v_lt(v_abs(quarter), v_set1(<real>1.5))
    minus = v_select(v_lt(v_set1(<real>1.5), v_abs(quarter)), v_set1(-1), v_set1(1))
    slope[0] = v_select(odd, v_set1(0) - s * quarter, c * minus)
    slope[0] = v_where(v_lt(v_abs(z), v_set1(8192)), slope[0])
    return v_select(odd, c * quarter, s * minus)


cdef inline vec v_smooth(int activation, vec z, vec *slope) noexcept nogil:
    """f(z) and slope = f'(z) of smooth activations; all share the exponential e = exp(x)."""
    cdef ivec right = v_lt(v_set1(0), z)
    cdef vec near = v_clip(<real>-1e4, <real>1e4, z), floored = v_max(v_set1(<real>-1e4), z)
    cdef vec x = v_set1(0) - v_abs(z), e, s, rest, square = near * near, t, c, h
    cdef real scale = 1, alpha = 1
    # The argument of the exponential.
    if activation == EXP:
        x = z
    elif activation == ELU or activation == SELU:
        x = v_min(v_set1(0), z)
    elif activation == GELU_TANH:
        x = v_set1(0) - v_abs(near * (square * <real>0.07135481627260024878 + <real>1.59576912160573071176))
    elif activation == GELU:
        h = v_set1(ROUNDING / <real>(256 if sizeof(real) == 4 else 1048576))
        h = v_abs(near) + h - h
        x = h * h * <real>-0.5
    e = v_exp(x)
    if activation == EXP:
        slope[0] = e
        return e
    if activation == ELU or activation == SELU:
        if activation == SELU:
            scale, alpha = <real>1.0507009873554804934193349852946, <real>1.7580993408473768599402175208123
        slope[0] = v_select(right, v_set1(scale), e * alpha)
        return v_select(right, z * scale, v_expm1(x) * alpha)
    if activation == SOFTSIGN:
        x = v_clip(<real>-1e30, <real>1e30, z)
        t = v_abs(x) + <real>1.0
        c = v_div(v_set1(1), t)
        slope[0] = c * c
        return v_div(x, t)
    if activation == GELU:
        t = v_abs(near)
        x = (t - h) * (t + h) * <real>-0.5
        e = e + e * (x * ((x * <real>(1.0 / 6) + <real>0.5) * x + <real>1.0))       # exp(-z^2/2)
        t = v_rounded(e * v_tail_ratio(t))
        s = v_select(right, v_set1(1) - t, t)
        slope[0] = s + near * e * <real>0.39894228040143267794
        return floored * s
    t = v_div(v_set1(1), e + <real>1.0)
    s, rest = v_select(right, t, e * t), v_select(right, e * t, t)      # sigmoid(x), and 1 - sigmoid(x)
    if activation == SOFTPLUS:
        slope[0] = s
        return v_max(v_set1(0), z) + v_log1p(e)
    if activation == MISH:
        # tanh(log(1 + w)) = ((1 + w)^2 - 1)/((1 + w)^2 + 1) for w = exp(z), divided by w^2 on the right
        t = v_select(right, e * <real>2.0 + <real>1.0, e * (e + <real>2.0))
        c = v_select(right, e * e * <real>2.0, v_set1(2))
        rest = v_div(c * (t + t + c), (t + c) * (t + c))        # 1 - tanh^2
        t = v_div(t, t + c)
        slope[0] = t + near * rest * s
        return floored * t
    c = v_set1(1)
    if activation == GELU_TANH:
        c = square * <real>0.21406444881780074633 + <real>1.59576912160573071176
    slope[0] = s + near * c * s * rest
    return floored * s
