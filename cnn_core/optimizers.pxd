"""The formula of one step for a vector of parameters w with gradient g; rate, momentum and the rest are scalars.

sgd        w -= rate g
momentum   v = mu v - rate g,  w += v                                    (Polyak 1964)
nesterov   v = mu v - rate g,  w += mu v - rate g                        (Sutskever et al. 2013)
adam       m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,
           w -= rate m' / (sqrt(v') + epsilon), m' = m/(1 - b1^t), v' = v/(1 - b2^t)     (Kingma & Ba 2015)
adamw      w *= 1 - rate weight_decay, then adam                         (Loshchilov & Hutter 2019)

The two corrections of adam are folded into the rate and epsilon: rate m' / (sqrt(v') + epsilon) =
(rate sqrt(c2) / c1) m / (sqrt(v) + sqrt(c2) epsilon). With `epsilon_hat` (end of section 2 of the paper) the last
term is epsilon itself. Square root and division are exact, so every instruction set with fused multiply-add gives the
same bits. The formulas of the other methods are in `further.pxd`.
"""

from libc.math cimport pow, sqrt

from cnn_core.types cimport ADAM, ADAMW, GRADIENT_ONLY, MOMENTUM, NADAM, NESTEROV, SGD, Step
from cnn_core.vec cimport real, v_copysign, v_div, v_load, v_lt, v_set1, v_sqrt, v_store, v_where, v_abs, vec

cdef struct Constants:      # of one step, as reals
    real rate, l1, l2, shrink
    real mu, b1, b2, one_minus_b1, one_minus_b2, adam_rate, adam_epsilon


cdef inline double nadam_momentum(const Step *step, double t) noexcept nogil:
    return step.beta_1 * (1 - 0.5*pow(0.96, t*step.momentum_decay))


cdef inline void begin_step(Step *step, double rate) noexcept nogil:
    step.rate = rate
    step.count += 1
    if step.method < ADAM:
        return
    step.correction_1 = 1 - pow(step.beta_1, <double>step.count)
    step.correction_2 = 1 - pow(step.beta_2, <double>step.count)
    if step.method != NADAM:
        return
    while step.in_product < step.count:
        step.in_product += 1
        step.momentum_product *= nadam_momentum(step, <double>step.in_product)
    step.momentum_now = nadam_momentum(step, <double>step.count)
    step.momentum_next = nadam_momentum(step, <double>step.count + 1)


cdef inline Constants constants_of(const Step *step, bint is_weight) noexcept nogil:
    cdef Constants c
    c.rate = <real>step.rate
    c.l1 = <real>(step.l1 if is_weight else 0.0)
    c.l2 = <real>(step.l2 if is_weight else 0.0)
    c.shrink = <real>(1 - step.rate*step.weight_decay if is_weight and step.method == ADAMW else 1.0)
    c.mu = <real>step.momentum
    c.b1, c.b2 = <real>step.beta_1, <real>step.beta_2
    c.one_minus_b1, c.one_minus_b2 = <real>(1 - step.beta_1), <real>(1 - step.beta_2)
    c.adam_rate = c.adam_epsilon = 0
    if step.method == ADAM or step.method == ADAMW:
        c.adam_rate = <real>(step.rate * sqrt(step.correction_2) / step.correction_1)
        c.adam_epsilon = <real>(step.epsilon if step.epsilon_hat else step.epsilon * sqrt(step.correction_2))
    return c


cdef inline vec penalized(const Constants *c, vec w, vec g) noexcept nogil:
    """g + l2 w + l1 sign(w), with sign(0) = 0."""
    if c.l2 != 0:
        g = g + w * c.l2
    if c.l1 != 0:
        g = g + v_where(v_lt(v_set1(0), v_abs(w)), v_copysign(v_set1(c.l1), w))
    return g


cdef inline void step_lane(int method, const Constants *c, real *w, real *g, real *m1, real *m2) noexcept nogil:
    """One step of LANES parameters at w, from the gradient at g; m1 and m2 are its moments."""
    cdef vec x = v_load(w), d = penalized(c, x, v_load(g)), v, s
    if method == GRADIENT_ONLY:
        v_store(g, d)
        return
    if method == SGD:
        x = x - d * c.rate
    elif method == MOMENTUM:
        v = v_load(m1) * c.mu - d * c.rate
        v_store(m1, v)
        x = x + v
    elif method == NESTEROV:
        d = d * c.rate
        v = v_load(m1) * c.mu - d
        v_store(m1, v)
        x = x + (v * c.mu - d)
    else:
        v = v_load(m1) * c.b1 + d * c.one_minus_b1
        s = v_load(m2) * c.b2 + d * d * c.one_minus_b2
        v_store(m1, v)
        v_store(m2, s)
        d = v_div(v * c.adam_rate, v_sqrt(s) + c.adam_epsilon)
        # One expression each: a multiplication and a subtraction apart may be fused in one place and not in another.
        x = x * c.shrink - d if method == ADAMW else x - d
    v_store(w, x)
