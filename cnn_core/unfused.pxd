"""The formulas of the activations whose derivative is taken from the input z: f and f', on a vector of lanes.

(a) f and f' are made together, since they share an exponential. `v_bent` has those of straight lines, `v_curved` the
    others, with one exponential for all of them: code for each would be a good part of a kernel's size.
(b) The exponential is of -|z| where that is possible: e <= 1, and sigmoid(z) and 1 - sigmoid(z) both keep all their
    digits. A factor z is first brought within bounds outside of which the other factor is 0 or 1, so that infinities
    reach the limits. exp itself ends at the largest power v_exp can give and never becomes infinite.
(c) At a kink f' is that of the left for leaky_relu, elu and selu; where a ramp meets a level it is the level's.
(d) NaN passes through f, and through f' of what is curved.
"""

from cnn_core.activations cimport v_exp, v_expm1, v_log1p
from cnn_core.types cimport (
    ELU, EXP, GELU_TANH, HARD_SIGMOID, HARD_SWISH, HARD_TANH, LEAKY_RELU, MISH, RELU6, SELU, SILU, SOFTPLUS, SOFTSIGN)
from cnn_core.vec cimport ivec, real, v_abs, v_div, v_lt, v_max, v_min, v_select, v_set1, v_where, vec


cdef inline bint is_bent(int activation) noexcept nogil:
    return activation == LEAKY_RELU or HARD_SIGMOID <= activation <= RELU6


cdef inline vec v_clip(real low, real high, vec x) noexcept nogil:
    return v_min(v_set1(high), v_max(v_set1(low), x))


cdef inline vec v_bent(int activation, vec z, vec *slope) noexcept nogil:
    """f(z) and slope = f'(z) of what consists of straight lines, and of hard_swish."""
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


cdef inline vec v_curved(int activation, vec z, vec *slope) noexcept nogil:
    """f(z) and slope = f'(z) of what is curved."""
    cdef ivec right = v_lt(v_set1(0), z)
    cdef vec near = v_clip(<real>-1e4, <real>1e4, z), floored = v_max(v_set1(<real>-1e4), z)
    cdef vec x = v_set1(0) - v_abs(z), e, s, rest, square = near * near, t, c
    cdef real scale = 1, alpha = 1
    if activation == EXP:
        x = z
    elif activation == ELU or activation == SELU:
        x = v_min(v_set1(0), z)
    elif activation == GELU_TANH:
        x = v_set1(0) - v_abs(near * (square * <real>0.07135481627260024878 + <real>1.59576912160573071176))
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
