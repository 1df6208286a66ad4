"""One optimizer step on a range of the parameters: kernels for one instruction set and one type of real."""


from cnn_core.kernels.optimizers cimport (
    Constants, ExtraConstants, constants_of, extra_constants_of, extra_step_lane, step_lane)
from cnn_core.kernels.vec cimport LANES, real
from cnn_core.types cimport (
    ADADELTA, ADAGRAD, ADAM, ADAMW, AMSGRAD, CENTERED_RMSPROP, GRADIENT_ONLY, LION, MOMENTUM, NADAM, NESTEROV,
    RADAM, RMSPROP, RPROP, SGD, Step)


cdef inline void step_row(int method, const Constants *c, Py_ssize_t n, real *w, real *g, real *m1,
                          real *m2) noexcept nogil:
    cdef Py_ssize_t j = 0
    while j < n:
        step_lane(method, c, w + j, g + j, m1 + j, m2 + j)
        j += LANES


cdef inline void extra_step_row(int method, const ExtraConstants *f, Py_ssize_t n, real *w, const real *g, real *m1,
                                real *m2, real *m3) noexcept nogil:
    cdef Py_ssize_t j = 0
    while j < n:
        extra_step_lane(method, f, w + j, g + j, m1 + j, m2 + j, m3 + j)
        j += LANES


cdef void extra_optimizer_step(const Step *step, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t ld, bint is_weight, real *w,
                               real *g, Py_ssize_t ldg, real *m1, real *m2, real *m3) noexcept nogil:
    """`optimizer_step` for the methods from AMSGRAD on; adds the penalty's gradient to g."""
    cdef Constants c = constants_of(step, is_weight)
    cdef ExtraConstants f = extra_constants_of(step, is_weight)
    cdef Py_ssize_t row, i
    for row in range(rows):
        i = row*ld
        if c.l1 != 0 or c.l2 != 0:
            step_row(GRADIENT_ONLY, &c, n, w + i, g, NULL, NULL)
        if step.method == AMSGRAD:
            extra_step_row(AMSGRAD, &f, n, w + i, g, m1 + i, m2 + i, m3 + i)
        elif step.method == NADAM or step.method == RADAM:
            extra_step_row(NADAM, &f, n, w + i, g, m1 + i, m2 + i, NULL)
        elif step.method == RMSPROP:
            extra_step_row(RMSPROP, &f, n, w + i, g, m1 + i, m2 + i, NULL)
        elif step.method == CENTERED_RMSPROP:
            extra_step_row(CENTERED_RMSPROP, &f, n, w + i, g, m1 + i, m2 + i, m3 + i)
        elif step.method == ADAGRAD:
            extra_step_row(ADAGRAD, &f, n, w + i, g, m1 + i, NULL, NULL)
        elif step.method == ADADELTA:
            extra_step_row(ADADELTA, &f, n, w + i, g, m1 + i, m2 + i, NULL)
        elif step.method == LION:
            extra_step_row(LION, &f, n, w + i, g, m1 + i, NULL, NULL)
        else:
            extra_step_row(RPROP, &f, n, w + i, g, m1 + i, m2 + i, NULL)
        g += ldg


cdef void optimizer_step(const Step *step, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t ld, bint is_weight, void *w_,
                         void *g_, Py_ssize_t ldg, void *m1_, void *m2_, void *m3_) noexcept nogil:
    """One step of w[rows, n] from the gradient g; row strides: ld of w and the moments, ldg of g; n a multiple of
    LANES. GRADIENT_ONLY adds the penalty's gradient to g and does not change w."""
    cdef Constants c = constants_of(step, is_weight)
    cdef real *w = <real *>w_
    cdef real *g
    cdef real *m1 = <real *>m1_
    cdef real *m2 = <real *>m2_
    cdef Py_ssize_t row, i
    if step.method > ADAMW:
        extra_optimizer_step(step, rows, n, ld, is_weight, w, <real *>g_, ldg, m1, m2, <real *>m3_)
        return
    for row in range(rows):
        i = row*ld
        g = <real *>g_ + row*ldg
        # The method is a literal in each branch, so that the compiler specialises the loop for it.
        if step.method == GRADIENT_ONLY:
            step_row(GRADIENT_ONLY, &c, n, w + i, g, NULL, NULL)
        elif step.method == SGD:
            step_row(SGD, &c, n, w + i, g, NULL, NULL)
        elif step.method == MOMENTUM:
            step_row(MOMENTUM, &c, n, w + i, g, m1 + i, NULL)
        elif step.method == NESTEROV:
            step_row(NESTEROV, &c, n, w + i, g, m1 + i, NULL)
        else:               # adam and adamw
            step_row(ADAM, &c, n, w + i, g, m1 + i, m2 + i)
