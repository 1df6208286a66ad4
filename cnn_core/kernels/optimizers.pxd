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
same bits.

The methods below are left out of the loops for tiny networks. Here g contains the penalty's gradient already;
shrink = 1 - rate weight_decay for weights, and 1 for biases.

amsgrad    m, v of adam,  u = max(u, v),  w = shrink w - rate m' / (sqrt(u / (1 - b2^t)) + epsilon)  (Reddi et al. 2018)
nadam      m, v of adam,  mu(t) = b1 (1 - 0.96^(t decay) / 2),  p(t) = mu(1) ... mu(t),
           w = shrink w - rate (mu(t+1) m / (1 - p(t+1)) + (1 - mu(t)) g / (1 - p(t))) / (sqrt(v') + epsilon)
                                                                                                 (Dozat 2016)
radam      m, v of adam,  r(t) = r - 2 t b2^t / (1 - b2^t),  r = 2 / (1 - b2) - 1,
           w = shrink w - rate m' R sqrt(1 - b2^t) / (sqrt(v) + epsilon)  where r(t) > 5,  else  - rate m',
           R^2 = (r(t) - 4)(r(t) - 2) r / ((r - 4)(r - 2) r(t))                                  (Liu et al. 2020)
rmsprop    s = rho s + (1 - rho) g^2,  v = mu v - rate g / (sqrt(s) + epsilon),  w += v          (Hinton 2012)
           centered: a = rho a + (1 - rho) g,  s - a^2 in place of s                             (Graves 2013)
adagrad    s += g^2,  w -= rate g / (sqrt(s) + epsilon)                                          (Duchi et al. 2011)
adadelta   s = rho s + (1 - rho) g^2,  d = g sqrt(u + epsilon) / sqrt(s + epsilon),
           u = rho u + (1 - rho) d^2,  w -= rate d                                               (Zeiler 2012)
lion       w = shrink w - rate sign(b1 m + (1 - b1) g),  m = b2 m + (1 - b2) g                   (Chen et al. 2023)
rprop      where g has the sign of the last: d = min(increase d, largest); the other: d = max(decrease d, smallest),
           g = 0;  w -= d sign(g);  d is the rate at the first g that is not 0        (iRprop-, Igel & Huesken 2000)

The adams share w = shrink w - (gradient_factor g + mean_factor m) / (root_factor sqrt(v) + root_addend).
"""

from libc.math cimport pow, sqrt

from cnn_core.kernels.vec cimport (
    real, v_abs, v_copysign, v_div, v_load, v_lt, v_max, v_min, v_rounded, v_select, v_set1, v_sqrt, v_store, v_where,
    vec)
from cnn_core.types cimport (
    ADADELTA, ADAGRAD, ADAM, ADAMW, AMSGRAD, CENTERED_RMSPROP, GRADIENT_ONLY, LION, MOMENTUM, NADAM, NESTEROV,
    RADAM, RMSPROP, SGD, Step)

cdef enum:
    MOST_FACTORS = 1 << 24      # about half a second


cdef struct Constants:      # scalars of one step, as reals
    real rate, l1, l2, shrink
    real mu, b1, b2, one_minus_b1, one_minus_b2, adam_rate, adam_epsilon


cdef inline double nadam_momentum(const Step *step, double t) noexcept nogil:
    """mu(t)."""
    return step.beta_1 * (1 - 0.5*pow(0.96, t*step.momentum_decay))


cdef inline void extend_product(Step *step) noexcept nogil:
    """Multiply the momenta of the steps up to `count`.

    A restored state has its count of steps, which may be any number, but not the product. Factors have no effect once 1
    minus the product is 1; after MOST_FACTORS, all others count as equal.
    """
    cdef long long last = step.in_product + MOST_FACTORS
    while step.in_product < step.count and step.in_product < last and step.momentum_product > 1e-20:
        step.in_product += 1
        step.momentum_product *= nadam_momentum(step, <double>step.in_product)
    if step.in_product < step.count:
        step.momentum_product *= pow(nadam_momentum(step, <double>step.count), <double>(step.count - step.in_product))
        step.in_product = step.count


cdef inline void begin_step(Step *step, double rate) noexcept nogil:
    """Count the step, and compute its bias corrections."""
    step.rate = rate
    step.count += 1
    if step.method < ADAM:
        return
    step.correction_1 = 1 - pow(step.beta_1, <double>step.count)
    step.correction_2 = 1 - pow(step.beta_2, <double>step.count)
    if step.method != NADAM:
        return
    extend_product(step)
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
    """One step of LANES parameters w with gradient g and moments m1, m2."""
    cdef vec x = v_load(w), d = penalized(c, x, v_load(g)), v, s
    if method == GRADIENT_ONLY:
        v_store(g, d)
        return
    if method == SGD:
        x = x - d * c.rate
    elif method == MOMENTUM:
        v = v_load(m1) * c.mu - v_rounded(d * c.rate)
        v_store(m1, v)
        x = x + v
    elif method == NESTEROV:
        # A product with two uses is fused by some compilers alone: here are two, with one use each.
        v = v_rounded(v_load(m1) * c.mu) - d * c.rate
        v_store(m1, v)
        x = x + (v_rounded(v * c.mu) - v_rounded(d) * c.rate)
    else:
        v = v_load(m1) * c.b1 + v_rounded(d * c.one_minus_b1)
        s = v_load(m2) * c.b2 + v_rounded(d * d * c.one_minus_b2)
        v_store(m1, v)
        v_store(m2, s)
        d = v_div(v * c.adam_rate, v_sqrt(s) + c.adam_epsilon)
        x = x * c.shrink - d            # shrink is 1 for adam: a branch might keep the compiler from fusing
    v_store(w, x)


cdef struct ExtraConstants:  # scalars of one step for the methods from AMSGRAD on
    real rate, shrink, mu, b1, b2, one_minus_b1, one_minus_b2, epsilon
    real gradient_factor, mean_factor, root_factor, root_addend
    real decrease, increase, smallest, largest


cdef inline ExtraConstants extra_constants_of(const Step *step, bint is_weight) noexcept nogil:
    cdef ExtraConstants f
    cdef double root = sqrt(step.correction_2), gradient_factor = 0, mean_factor, root_factor = 1
    cdef double root_addend = root*step.epsilon
    cdef double longest = 2/(1 - step.beta_2) - 1, length
    f.rate = <real>step.rate
    f.shrink = <real>(1 - step.rate*step.weight_decay if is_weight else 1.0)
    f.mu, f.epsilon = <real>step.momentum, <real>step.epsilon
    f.b1, f.b2 = <real>step.beta_1, <real>step.beta_2
    f.one_minus_b1, f.one_minus_b2 = <real>(1 - step.beta_1), <real>(1 - step.beta_2)
    f.decrease, f.increase = <real>step.decrease, <real>step.increase
    f.smallest, f.largest = <real>step.smallest, <real>step.largest
    mean_factor = root / step.correction_1
    if step.method == NADAM:
        gradient_factor = root * (1 - step.momentum_now) / (1 - step.momentum_product)
        mean_factor = root * step.momentum_next / (1 - step.momentum_product*step.momentum_next)
    elif step.method == RADAM:
        length = longest - 2*step.count*(1 - step.correction_2)/step.correction_2
        root_addend = step.epsilon
        if length > 5:
            mean_factor *= sqrt((length - 4)*(length - 2)*longest / ((longest - 4)*(longest - 2)*length))
        else:
            mean_factor, root_factor, root_addend = 1/step.correction_1, 0, 1
    f.gradient_factor, f.mean_factor = <real>(step.rate*gradient_factor), <real>(step.rate*mean_factor)
    f.root_factor, f.root_addend = <real>root_factor, <real>root_addend
    return f


cdef inline vec scaled_sign(real size, vec x) noexcept nogil:
    """size sign(x), with sign(0) = 0."""
    return v_where(v_lt(v_set1(0), v_abs(x)), v_copysign(v_set1(size), x))


cdef inline vec update_mean(real *mean, real keep, vec x, real share) noexcept nogil:
    """mean = keep mean + share x."""
    cdef vec m = v_load(mean) * keep + v_rounded(x * share)
    v_store(mean, m)
    return m


cdef inline void extra_step_lane(int method, const ExtraConstants *f, real *w, const real *g_, real *m1, real *m2,
                                 real *m3) noexcept nogil:
    """One step of LANES parameters w with gradient g and moments m1, m2, m3, for the methods from AMSGRAD on."""
    cdef vec x = v_load(w), g = v_load(g_), m, s, d, kept
    if method == AMSGRAD or method == NADAM:
        m = update_mean(m1, f.b1, g, f.one_minus_b1)
        s = update_mean(m2, f.b2, g * g, f.one_minus_b2)
        if method == AMSGRAD:
            s = v_max(v_load(m3), s)
            v_store(m3, s)
        d = g * f.gradient_factor + v_rounded(m * f.mean_factor)
        x = x * f.shrink - v_div(d, v_sqrt(s) * f.root_factor + f.root_addend)
    elif method == RMSPROP or method == CENTERED_RMSPROP:
        s = update_mean(m2, f.b2, g * g, f.one_minus_b2)
        if method == CENTERED_RMSPROP:
            m = update_mean(m3, f.b2, g, f.one_minus_b2)
            s = v_max(v_set1(0), s - m * m)
        d = v_load(m1) * f.mu - v_div(g * f.rate, v_sqrt(s) + f.epsilon)
        v_store(m1, d)
        x = x + d
    elif method == ADAGRAD:
        s = v_load(m1) + g * g
        v_store(m1, s)
        x = x - v_div(g * f.rate, v_sqrt(s) + f.epsilon)
    elif method == ADADELTA:
        s = update_mean(m1, f.b2, g * g, f.one_minus_b2)
        d = v_div(g * v_sqrt(v_load(m2) + f.epsilon), v_sqrt(s + f.epsilon))
        update_mean(m2, f.b2, d * d, f.one_minus_b2)
        x = x - d * f.rate
    elif method == LION:
        m = v_load(m1)
        x = x * f.shrink - scaled_sign(f.rate, m * f.b1 + v_rounded(g * f.one_minus_b1))
        v_store(m1, m * f.b2 + v_rounded(g * f.one_minus_b2))
    else:                   # RPROP: m1 is the last gradient, m2 the step sizes, 0 before the first step
        d = v_load(m2)
        d = v_select(v_lt(v_set1(0), d), d, v_abs(scaled_sign(f.rate, g)))
        s = scaled_sign(1, g) * scaled_sign(1, v_load(m1))
        kept = v_select(v_lt(v_set1(0), s), v_min(v_set1(f.largest), d * f.increase), d)
        d = v_select(v_lt(s, v_set1(0)), v_max(v_set1(f.smallest), d * f.decrease), kept)
        g = v_select(v_lt(s, v_set1(0)), v_set1(0), g)
        v_store(m1, g)
        v_store(m2, d)
        x = x - scaled_sign(1, g) * d
    v_store(w, x)
