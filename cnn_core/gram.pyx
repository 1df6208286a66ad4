"""G = X X^T, the products of every two rows of X: for one instruction set and one type of real.

(a) X is gathered a panel of columns at a time, so that it may be of any number type and layout and is read once.
(b) Within a panel a group of rows stays in the level-2 cache while the others pass by a few at a time; a block of
    dot products is a square tile of registers. Only one half of G is computed; the other is its mirror image.
(c) Every number of G is summed by one thread in one order: its bits do not depend on the number of threads.
"""

from cpython.pycapsule cimport PyCapsule_New

from cnn_core.gram cimport gram_fn
from cnn_core.rows cimport gather
from cnn_core.shares cimport share
from cnn_core.tiles cimport Operands, dot_tile
from cnn_core.types cimport GRAM_PANEL, ROW_GROUP, Gram, Rows
from cnn_core.vec cimport DOTS, flush_subnormals, fp_state, real, restore_fp

cdef enum:
    GROUP_ROWS = 64             # of GRAM_PANEL reals: a quarter of a level-2 cache of 1 MiB, in float32


cdef void gram_tile(Py_ssize_t i, Py_ssize_t j, Py_ssize_t k, const real *panel, real *g, Py_ssize_t ldg,
                    bint first) noexcept nogil:
    """A tile of G at (i, j), from its rows of the panel; added to what is there unless first."""
    cdef real sums[16]
    cdef Operands o
    cdef Py_ssize_t r, c
    cdef int side = 4 if DOTS >= 16 else 2 if DOTS >= 4 else 1
    o.a, o.a_row, o.a_col = panel + i*GRAM_PANEL, GRAM_PANEL, 1
    o.b, o.ldb = panel + j*GRAM_PANEL, GRAM_PANEL
    o.d = NULL
    o.c, o.ldc = sums, side
    if DOTS >= 16:
        dot_tile(4, 4, k, &o)
    elif DOTS >= 4:
        dot_tile(2, 2, k, &o)
    else:
        dot_tile(1, 1, k, &o)
    for r in range(side):
        for c in range(side):
            if first:
                g[(i + r)*ldg + j + c] = sums[r*side + c]
            else:
                g[(i + r)*ldg + j + c] += sums[r*side + c]


cdef void rows_of_group(const Gram *gram, Py_ssize_t group, Py_ssize_t k, bint first) noexcept nogil:
    """The panel's part of G for one group of rows, right of the diagonal and on it."""
    cdef Py_ssize_t start = group*GROUP_ROWS, end = min(start + GROUP_ROWS, padded_rows(gram.m)), i, j
    cdef Py_ssize_t side = 4 if DOTS >= 16 else 2 if DOTS >= 4 else 1
    j = start
    while j < padded_rows(gram.m):
        i = start
        while i < end and i <= j:
            gram_tile(i, j, k, <const real *>gram.panel, <real *>gram.g, gram.ldg, first)
            i += side
        j += side


cdef inline Py_ssize_t padded_rows(Py_ssize_t m) noexcept nogil:
    """Rows of the panel and of G, for whole tiles."""
    return (m + ROW_GROUP - 1) // ROW_GROUP * ROW_GROUP


cdef void gram_of_rows(Gram *gram, int rank, int size) noexcept nogil:
    cdef fp_state saved = flush_subnormals()
    cdef Rows x = gram.x
    cdef Py_ssize_t groups = (padded_rows(gram.m) + GROUP_ROWS - 1) // GROUP_ROWS, p = 0, group, first, last, i, j
    cdef real *panel = <real *>gram.panel
    cdef real *g = <real *>gram.g
    first, last = share(gram.m, rank, size, GROUP_ROWS), share(gram.m, rank + 1, size, GROUP_ROWS)
    while p < gram.x.columns:
        x.columns = min(GRAM_PANEL, gram.x.columns - p)
        x.data = gram.x.data + p*gram.x.column_stride
        if x.mean != NULL:
            x.mean, x.factor = gram.x.mean + p, gram.x.factor + p
        gather(&x, NULL, first, last - first, panel + first*GRAM_PANEL, GRAM_PANEL)
        if size > 1:
            gram.wait(gram.team, rank)
        # Groups with little and with much right of them alternate between the threads.
        group = rank
        while group < groups:
            rows_of_group(gram, group, GRAM_PANEL, p == 0)
            group += size
        if size > 1:
            gram.wait(gram.team, rank)
        p += GRAM_PANEL
    for i in range(first, last):
        for j in range(i):
            g[i*gram.ldg + j] = g[j*gram.ldg + i]
    restore_fp(saved)


cdef gram_fn gram_export = gram_of_rows
gram = PyCapsule_New(<void *>gram_export, "cnn_core.gram_fn", NULL)
