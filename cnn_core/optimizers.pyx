"""One optimizer step over a stretch of the arena: kernels for one instruction set and one type of real."""

from cpython.pycapsule cimport PyCapsule_New

from cnn_core.optimizers cimport Constants, constants_of, step_lane
from cnn_core.types cimport ADAM, ADAMW, GRADIENT_ONLY, MOMENTUM, NESTEROV, SGD, Step, step_fn
from cnn_core.vec cimport LANES, real


cdef inline void step_row(int method, const Constants *c, Py_ssize_t n, real *w, real *g, real *m1,
                          real *m2) noexcept nogil:
    cdef Py_ssize_t j = 0
    while j < n:
        step_lane(method, c, w + j, g + j, m1 + j, m2 + j)
        j += LANES


cdef void optimizer_step(const Step *step, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t ld, bint is_weight, void *w_,
                         void *g_, Py_ssize_t ldg, void *m1_, void *m2_) noexcept nogil:
    """One step of w[rows, n], rows ld apart like its moments', from the gradient g, rows ldg apart; n in whole LANES.
    GRADIENT_ONLY adds the penalty's gradient to g and leaves w."""
    cdef Constants c = constants_of(step, is_weight)
    cdef real *w = <real *>w_
    cdef real *g
    cdef real *m1 = <real *>m1_
    cdef real *m2 = <real *>m2_
    cdef Py_ssize_t row, i
    for row in range(rows):
        i = row*ld
        g = <real *>g_ + row*ldg
        # The method is a literal in each branch: the compiler makes a tight loop of each.
        if step.method == GRADIENT_ONLY:
            step_row(GRADIENT_ONLY, &c, n, w + i, g, NULL, NULL)
        elif step.method == SGD:
            step_row(SGD, &c, n, w + i, g, NULL, NULL)
        elif step.method == MOMENTUM:
            step_row(MOMENTUM, &c, n, w + i, g, m1 + i, NULL)
        elif step.method == NESTEROV:
            step_row(NESTEROV, &c, n, w + i, g, m1 + i, NULL)
        elif step.method == ADAM:
            step_row(ADAM, &c, n, w + i, g, m1 + i, m2 + i)
        else:
            step_row(ADAMW, &c, n, w + i, g, m1 + i, m2 + i)


cdef step_fn step_export = optimizer_step
optimizers = PyCapsule_New(<void *>step_export, "cnn_core.step_fn", NULL)
