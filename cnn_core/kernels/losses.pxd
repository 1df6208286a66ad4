"""The formulas of the losses, from the logits z of LANES rows at once, and their gradients dL/dz.

binary_cross_entropy    sum_j max(z_j, 0) - z_j y_j + log(1 + exp(-|z_j|));      sigmoid(z_j) - y_j
softmax_cross_entropy   sum_j y_j (log sum_k exp(z_k) - z_j);                    softmax(z)_j sum_k y_k - y_j
mse                     sum_j (z_j - y_j)^2;                                     2 (z_j - y_j)
squared_error           half of mse

With d = z_j - y_j, the sum over j of

mae                     |d|;                                                     sign(d), 0 at 0
huber                   q (|d| - q/2), q = min(|d|, delta);                      d cut to [-delta, delta]
log_cosh                log(cosh(d));                                            tanh(d)
quantile                |d|/2 + (1/2 - level_j) d, one y for all j;              sign(d)/2 + 1/2 - level_j
tweedie                 half the deviance of mean exp(z), of a power p >= 1;     exp((2-p) z) - y exp((1-p) z)
                        y^(2-p)/((1-p)(2-p)) - y exp((1-p) z)/(1-p) + exp((2-p) z)/(2-p),
                        for p = 1 (Poisson) y log(y) - y z - y + exp(z), for p = 2 (gamma) y exp(-z) + z - log(y) - 1
gaussian_nll            z = means, then log variances s: (log(2 pi) + s + d^2 exp(-s)) / 2

The focal losses (Lin et al. 2017) are (1 - p)^gamma times the cross-entropy -log(p) of each class, p being its
probability; without gamma they serve cross-entropy with smoothed labels or weighted classes.

ordinal                 -log P(y): a cumulative link whose logits a_0 = z_0, a_j = a_(j-1) - s(z_j) cannot cross, with
                        s(x) = log(1 + exp(x)). P(y > j) = sigmoid(a_j), and
                        -log P(k) = s(-a_(k-1)) + s(a_k) + s(-z_k), without the terms that do not exist.

Cross-entropies, squares and losses linear in d are finite for every z up to 1e30 and beyond: exponentials are only
taken of -|z| or of z - max z, and squares in double. An exp(z) that would overflow is limited to the largest power that
does not.
"""

from cnn_core.kernels.activations cimport v_exp, v_log, v_log1p, v_sigmoid, v_tanh
from cnn_core.kernels.vec cimport (
    real, v_abs, v_copysign, v_div, v_lt, v_max, v_min, v_rounded, v_select, v_set1, v_where, vec)
from cnn_core.types cimport HUBER, LOG_COSH, QUANTILE


cdef inline vec tiny() noexcept nogil:
    """The smallest normal number, about."""
    return v_set1(<real>1.2e-38 if sizeof(real) == 4 else <real>2.3e-308)


cdef inline vec v_binary_cross_entropy(vec z, vec y, vec *dz) noexcept nogil:
    """The loss of one output of each row, and its gradient in dz."""
    dz[0] = v_sigmoid(z) - y
    return v_max(v_set1(0), z) - z * y + v_log1p(v_exp(v_set1(0) - v_abs(z)))


cdef inline vec v_logistic(vec z, vec *no, vec *yes) noexcept nogil:
    """p = sigmoid(z); -log(1 - p) in no, -log(p) in yes."""
    cdef vec e = v_exp(v_set1(0) - v_abs(z)), rest = v_log1p(e)
    no[0] = v_max(v_set1(0), z) + rest
    yes[0] = v_max(v_set1(0), v_set1(0) - z) + rest
    return v_div(v_select(v_lt(z, v_set1(0)), e, v_set1(1)), e + <real>1.0)


cdef inline vec v_sign(vec d) noexcept nogil:
    """-1, 0 or 1; NaN stays."""
    return v_div(d, v_max(tiny(), v_abs(d)))


cdef inline vec v_distance(int loss, real parameter, vec z, vec y, vec *dz) noexcept nogil:
    """A loss of d = z - y; parameter: delta of Huber, level of a quantile."""
    cdef vec d = z - y, size = v_abs(d), part
    if loss == HUBER:
        part = v_min(v_set1(parameter), size)
        dz[0] = v_copysign(part, d)
        return v_rounded(part * (size - part * <real>0.5))
    if loss == LOG_COSH:
        dz[0] = v_tanh(d)
        return size + v_log1p(v_exp(size * <real>-2.0)) - <real>0.693147180559945309417
    if loss == QUANTILE:
        dz[0] = v_sign(d) * <real>0.5 + <real>(0.5 - parameter)
        return size * <real>0.5 + v_rounded(d * <real>(0.5 - parameter))
    dz[0] = v_sign(d)
    return size


cdef inline vec v_tweedie(double power, vec z, vec y, vec *dz) noexcept nogil:
    cdef vec log_y = v_log(v_max(tiny(), y))
    cdef vec below = v_rounded(y * v_exp(z * <real>(1 - power))), above = v_exp(z * <real>(2 - power))
    dz[0] = above - below
    if power == 1:
        return y * (log_y - z) - y + above
    if power == 2:
        return below + z - log_y - <real>1.0
    return (v_where(v_lt(v_set1(0), y), v_exp(log_y * <real>(2 - power))) * <real>(1.0 / ((1 - power)*(2 - power)))
            - v_rounded(below * <real>(1.0 / (1 - power))) + above * <real>(1.0 / (2 - power)))


cdef inline vec v_normal(vec mean, vec s, vec y, vec *d_mean, vec *d_s) noexcept nogil:
    cdef vec d = mean - y, ratio
    d_mean[0] = d * v_exp(v_set1(0) - s)
    ratio = v_rounded(d * d_mean[0])
    d_s[0] = v_set1(<real>0.5) - ratio * <real>0.5
    return (s + ratio + <real>1.837877066409345483561) * <real>0.5


cdef inline vec v_binary_focal(double gamma, vec z, vec yes_share, vec no_share, vec *dz) noexcept nogil:
    """yes_share L(class 1) + no_share L(class 0)."""
    cdef vec no, yes, p = v_logistic(z, &no, &yes), q = v_set1(1) - p, f, g
    f, g = v_exp(no * <real>-gamma) * yes_share, v_exp(yes * <real>-gamma) * no_share
    dz[0] = g * (q * no * <real>gamma + p) - v_rounded(f * (p * yes * <real>gamma + q))
    return f * yes + v_rounded(g * no)


cdef inline vec v_focal_class(double gamma, vec minus_log_p, vec p, vec *factor) noexcept nogil:
    """(1 - p)^gamma -log(p); and -dL/d log(p) in factor."""
    cdef vec q = v_max(tiny(), v_set1(1) - p), f
    if gamma == 0:
        factor[0] = v_set1(1)
        return minus_log_p
    f = v_exp(v_log(q) * <real>gamma)
    factor[0] = f * (v_min(v_set1(1), v_div(p * minus_log_p, q)) * <real>gamma + <real>1.0)
    return f * minus_log_p
