"""The formulas of the methods that are asked for less often; those of `optimizers.pxd` are also in the loops of small
networks. g has the penalty's gradient already; shrink = 1 - rate weight_decay, for weights, and is 1 for biases.

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

The adams share w = shrink w - (of_gradient g + of_mean m) / (of_root sqrt(v) + beside_root).
"""

from libc.math cimport sqrt

from cnn_core.types cimport (
    ADADELTA, ADAGRAD, AMSGRAD, CENTERED_RMSPROP, LION, NADAM, RADAM, RMSPROP, Step)
from cnn_core.vec cimport (
    real, v_abs, v_copysign, v_div, v_load, v_lt, v_max, v_min, v_select, v_set1, v_sqrt, v_store, v_where, vec)

cdef struct Further:        # the scalars of one step, as reals
    real rate, shrink, mu, b1, b2, one_minus_b1, one_minus_b2, epsilon
    real of_gradient, of_mean, of_root, beside_root
    real decrease, increase, smallest, largest


cdef inline Further further_of(const Step *step, bint is_weight) noexcept nogil:
    cdef Further f
    cdef double root = sqrt(step.correction_2), of_gradient = 0, of_mean, of_root = 1, beside_root = root*step.epsilon
    cdef double longest = 2/(1 - step.beta_2) - 1, length
    f.rate = <real>step.rate
    f.shrink = <real>(1 - step.rate*step.weight_decay if is_weight else 1.0)
    f.mu, f.epsilon = <real>step.momentum, <real>step.epsilon
    f.b1, f.b2 = <real>step.beta_1, <real>step.beta_2
    f.one_minus_b1, f.one_minus_b2 = <real>(1 - step.beta_1), <real>(1 - step.beta_2)
    f.decrease, f.increase = <real>step.decrease, <real>step.increase
    f.smallest, f.largest = <real>step.smallest, <real>step.largest
    of_mean = root / step.correction_1
    if step.method == NADAM:
        of_gradient = root * (1 - step.momentum_now) / (1 - step.momentum_product)
        of_mean = root * step.momentum_next / (1 - step.momentum_product*step.momentum_next)
    elif step.method == RADAM:
        length = longest - 2*step.count*(1 - step.correction_2)/step.correction_2
        beside_root = step.epsilon
        if length > 5:
            of_mean *= sqrt((length - 4)*(length - 2)*longest / ((longest - 4)*(longest - 2)*length))
        else:
            of_mean, of_root, beside_root = 1/step.correction_1, 0, 1
    f.of_gradient, f.of_mean = <real>(step.rate*of_gradient), <real>(step.rate*of_mean)
    f.of_root, f.beside_root = <real>of_root, <real>beside_root
    return f


cdef inline vec signed(real size, vec x) noexcept nogil:
    """size sign(x), with sign(0) = 0."""
    return v_where(v_lt(v_set1(0), v_abs(x)), v_copysign(v_set1(size), x))


cdef inline vec running(real *mean, real keep, vec x, real share) noexcept nogil:
    """mean = keep mean + share x."""
    cdef vec m = v_load(mean) * keep + x * share
    v_store(mean, m)
    return m


cdef inline void further_lane(int method, const Further *f, real *w, const real *g_, real *m1, real *m2,
                              real *m3) noexcept nogil:
    """One step of LANES parameters at w, from the gradient at g; m1, m2 and m3 are its moments."""
    cdef vec x = v_load(w), g = v_load(g_), m, s, d, kept
    if method == AMSGRAD or method == NADAM:
        m = running(m1, f.b1, g, f.one_minus_b1)
        s = running(m2, f.b2, g * g, f.one_minus_b2)
        if method == AMSGRAD:
            s = v_max(v_load(m3), s)
            v_store(m3, s)
        x = x * f.shrink - v_div(g * f.of_gradient + m * f.of_mean, v_sqrt(s) * f.of_root + f.beside_root)
    elif method == RMSPROP or method == CENTERED_RMSPROP:
        s = running(m2, f.b2, g * g, f.one_minus_b2)
        if method == CENTERED_RMSPROP:
            m = running(m3, f.b2, g, f.one_minus_b2)
            s = v_max(v_set1(0), s - m * m)
        d = v_load(m1) * f.mu - v_div(g * f.rate, v_sqrt(s) + f.epsilon)
        v_store(m1, d)
        x = x + d
    elif method == ADAGRAD:
        s = running(m1, 1, g * g, 1)
        x = x - v_div(g * f.rate, v_sqrt(s) + f.epsilon)
    elif method == ADADELTA:
        s = running(m1, f.b2, g * g, f.one_minus_b2)
        d = v_div(g * v_sqrt(v_load(m2) + f.epsilon), v_sqrt(s + f.epsilon))
        running(m2, f.b2, d * d, f.one_minus_b2)
        x = x - d * f.rate
    elif method == LION:
        m = v_load(m1)
        x = x * f.shrink - signed(f.rate, m * f.b1 + g * f.one_minus_b1)
        v_store(m1, m * f.b2 + g * f.one_minus_b2)
    else:                   # RPROP: m1 the last gradient, m2 the sizes of the steps, 0 where there was none
        d = v_load(m2)
        d = v_select(v_lt(v_set1(0), d), d, v_abs(signed(f.rate, g)))
        s = signed(1, g) * signed(1, v_load(m1))
        kept = v_select(v_lt(v_set1(0), s), v_min(v_set1(f.largest), d * f.increase), d)
        d = v_select(v_lt(s, v_set1(0)), v_max(v_set1(f.smallest), d * f.decrease), kept)
        g = v_select(v_lt(s, v_set1(0)), v_set1(0), g)
        v_store(m1, g)
        v_store(m2, d)
        x = x - signed(1, g) * d
    v_store(w, x)
