"""Full-batch descent with the Gram matrix of the rows: for many more features than rows, a run reads X only twice.

The gradient of the first layer is X^T dZ, so that gradient descent, with or without momentum, changes W only by
linear combinations of the rows of X:

    W(t) = W(0) + X^T S(t)          S(t) (m, n), S(0) = 0
    X W(t) = X W(0) + G S(t)        G = X X^T (m, m)
    S(t + 1) = S(t) - rate dZ(t)

A step takes 2 m m n multiplications instead of 4 m k n, and differs only in rounding. Penalties, adaptive steps (Adam)
and batches of fewer rows than all give other changes, so they cannot be computed this way.
"""

import numpy as np

from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport INFINITY
from libc.string cimport memset

cimport numpy as cnp

from cnn_core.kernel_tables cimport DenseKernels
from cnn_core.layers cimport aligned_zeros, has_expired, padded_stride, round_up_rows, thread_count
from cnn_core.stack cimport (
    Stack, allocate_workspace, begin_pass, begin_writing, chunk_rows, end_pass, end_writing, set_steps)
from cnn_core.threads cimport acquire_threads, release_threads, get_pool, wait, run_parallel
from cnn_core.types cimport GRAM_PANEL, ROW_GROUP, Layer, Run

from cnn_core.clipping import clip
from cnn_core.functions import matmul
from cnn_core.layers import Layers

cnp.import_array()

cdef enum:
    GRAM_ROWS = 128         # rows of X X^T that are computed at once


cdef void outer_share(void *run, int rank, int size) noexcept nogil:
    (<DenseKernels *>(<Run *>run).kernels).add_outer(<Run *>run, rank, size)


cdef copy_other_parameters(source, target):
    """Copy all parameters except the first layer's weights, from views to views."""
    for i, ((weight, bias), (new_weight, new_bias)) in enumerate(zip(source, target)):
        if i > 0:
            new_weight[...] = weight
        if bias is not None:
            new_bias[...] = bias


cdef class GramStack(Stack):
    """Stack that trains like `home` on all rows of X at once; made by `make_gram_stack`. Until it writes the result
    back, or is deleted, `home` refuses every change.

    Its input is the Gram matrix `gram`, and its first weights are S; everything else is as in `home`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.gram import make_gram_stack
    >>> from cnn_core.stack import Stack
    >>> home = Stack((1000, 1), ("sigmoid",))
    >>> home.set_optimizer("sgd")
    >>> X = np.ones((4, 1000), np.float32)
    >>> gram_stack = make_gram_stack(home, X)
    >>> gram_stack.sizes, gram_stack.gram.tolist()[0]
    ((4, 1), [1000.0, 1000.0, 1000.0, 1000.0])
    """

    cdef Stack home
    cdef cnp.ndarray X
    cdef double scale
    cdef int threads
    cdef cnp.ndarray start                  # X W(0)
    cdef readonly cnp.ndarray gram

    def __dealloc__(self):
        if self.home is not None:
            end_pass(self.home)

    def write_back(self):
        """Copy the result to `home`: weights, biases, momenta and count of steps.

        Raises
        ------
        ValueError
            If it was called before.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.gram import make_gram_stack
        >>> from cnn_core.stack import Objective, Stack
        >>> home = Stack((1000, 1), ("identity",))
        >>> home.set_optimizer("sgd")
        >>> X, y = np.ones((2, 1000), np.float32), np.array([[1.0], [1.0]], np.float32)
        >>> gram_stack = make_gram_stack(home, X)
        >>> _ = gram_stack.train(gram_stack.gram, y, Objective("mse"), None, np.array([0.01]), batch_size=2)
        >>> gram_stack.write_back()
        >>> home.steps, round(home.views()[0][0][0].item(), 4)  # 0 - 0.01 * 2 (0 - 1)
        (1, 0.02)
        """
        if self.home is None:
            raise ValueError("write_back was called before, or this stack was not made by make_gram_stack")
        begin_writing(self.home)
        try:
            for mine, theirs in zip((self.parameters, *self.moments), (self.home.parameters, *self.home.moments)):
                self.add_outer(self.views(mine)[0][0], theirs)
                copy_other_parameters(self.views(mine), self.home.views(theirs))
            set_steps(self.home, self.steps)
        finally:
            end_writing(self.home)
            end_pass(self.home)
            self.home = None

    cdef object add_outer(self, cnp.ndarray S, cnp.ndarray flat):
        """First layer's weights in `flat`, which has the layout of home's parameters, += X^T S."""
        cdef Run run
        cdef Layer *layer = &self.home.net.layers[0]
        cdef cnp.ndarray rows = aligned_zeros(round_up_rows(len(S)) * layer.ld, self.dtype)
        cdef int threads, size
        (<object>rows)[:len(S) * layer.ld].reshape(len(S), layer.ld)[:, :layer.n] = S
        memset(&run, 0, sizeof(Run))
        kept = self.home.read_rows(self.X, self.scale, &run.x)
        if run.x.count != len(S):
            raise ValueError(f"X has {run.x.count} rows now; it had {len(S)} when this stack was made")
        run.net, run.kernels = &self.home.net, self.home.dense
        run.count, run.chunk = len(S), chunk_rows(self.home, len(S), self.threads, False)
        work = allocate_workspace(self.home, &run, self.threads)
        run.dz[0], run.gradients, run.wait = cnp.PyArray_DATA(rows), cnp.PyArray_DATA(flat), wait
        threads = min(self.threads, round_up_rows(layer.k) // ROW_GROUP)    # no thread without inputs
        with nogil:
            size = acquire_threads(threads, False)
            run.pool = get_pool()
            run_parallel(outer_share, &run, size)
            release_threads(size)
        return work, kept


cdef object compute_gram(Stack home, cnp.ndarray X, double scale, int threads, double deadline):
    """X X^T (m, m) with a padded row stride. One panel of columns of X at a time is converted to reals and its product
    added: shorter sums have less rounding error. Only the upper triangle is computed; the lower one is its mirror."""
    cdef Py_ssize_t m = cnp.PyArray_DIM(X, 0), whole = round_up_rows(m), ld = padded_stride(whole, home.itemsize), p, i
    gram = (<object>aligned_zeros(whole * ld, home.dtype)).reshape(whole, ld)[:m, :m]
    for p in range(0, (<object>X).shape[1], GRAM_PANEL):
        panel = (<object>X)[:, p:p + GRAM_PANEL]
        if home.scaled_by is not None:
            panel = (panel - home.scaled_by[0][p:p + GRAM_PANEL]) * (<object>home.factors)[p:p + GRAM_PANEL]
            panel = clip(panel, min(max(home.clipped - p, 0), GRAM_PANEL))
        panel = panel.astype(home.dtype, copy=False)
        if scale != 1 and home.scaled_by is None:
            panel = panel * home.dtype.type(scale)
        for i in range(0, m, GRAM_ROWS):
            PyErr_CheckSignals()
            if has_expired(deadline):
                raise TimeoutError("the deadline has passed")
            gram[i:i + GRAM_ROWS, i:] += matmul(panel[i:i + GRAM_ROWS], panel[i:].T, n_threads=threads)
    for i in range(0, m, GRAM_ROWS):
        PyErr_CheckSignals()
        if has_expired(deadline):
            raise TimeoutError("the deadline has passed")
        own = gram[i:i + GRAM_ROWS, i:i + GRAM_ROWS]
        gram[i:i + GRAM_ROWS, :i] = gram[:i, i:i + GRAM_ROWS].T
        np.copyto(own, own.T.copy(), where=np.tri(len(own), k=-1, dtype=bool))
    return gram


def make_gram_stack(Stack home not None, cnp.ndarray X not None, *, double scale=1.0, n_threads=None,
                    double deadline=INFINITY):
    """Stack that trains as `home` would on X.

    Parameters
    ----------
    home : Stack
        Its optimizer must be sgd, momentum or nesterov, with zero momenta of the first layer.
    X : ndarray (m, k)
        As for `Stack.forward`.
    scale : float
        Factor of X.
    n_threads : int, optional
        Largest number of threads.
    deadline : float
        Value of `time.perf_counter` at which the computation of the Gram matrix ends.

    Returns
    -------
    GramStack
        Train it on its `gram` with scale 1, all rows in each batch, without penalties; then call `write_back`.

    Raises
    ------
    ValueError
        If the optimizer is another, or has moved the first layer already, or the precision is low.
    TimeoutError
        If the deadline has passed.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.gram import make_gram_stack
    >>> from cnn_core.stack import Objective, Stack
    >>> home = Stack((1000, 1), ("identity",))  # many more inputs than rows
    >>> home.set_optimizer("sgd")
    >>> X, y = np.random.default_rng(0).normal(size=(5, 1000)), np.arange(1, 6, dtype=np.float32).reshape(-1, 1)
    >>> gram_stack = make_gram_stack(home, X)
    >>> rates = np.full(50, 2e-4)
    >>> _ = gram_stack.train_epochs(gram_stack.gram, y, Objective("mse"), None, rates, epochs=50, batch_size=5)
    >>> gram_stack.write_back()
    >>> home.forward(X).round().ravel().tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    X = np.asarray(X)               # not a subclass
    if cnp.PyArray_NDIM(X) != 2 or cnp.PyArray_DIM(X, 0) == 0 or cnp.PyArray_DIM(X, 1) != home.sizes[0]:
        raise ValueError(f"X has shape {(<object>X).shape}; the stack takes (m, {home.sizes[0]}), m at least 1")
    if home.is_low:
        raise ValueError(f"the precision is {home.precision}; gram training needs float32")
    if home.optimizer not in ("sgd", "momentum", "nesterov"):
        raise ValueError(f"the optimizer is {home.optimizer!r}; gram training needs sgd, momentum or nesterov")
    for moment in home.moments:
        if home.views(moment)[0][0].any():
            raise ValueError("the first layer has moments that are not linear combinations of the rows of X")
    begin_pass(home, "gram training")
    try:
        return make_held_stack(home, X, scale, n_threads, deadline)
    except BaseException:
        end_pass(home)
        raise


cdef object make_held_stack(Stack home, cnp.ndarray X, double scale, n_threads, double deadline):
    cdef GramStack stack
    cdef Py_ssize_t m = cnp.PyArray_DIM(X, 0) if cnp.PyArray_NDIM(X) == 2 else 0, n = home.sizes[1]
    first = Layers((home.sizes[0], n), ("identity",), (False,), home.dtype)
    first.views()[0][0][...] = home.views()[0][0]
    if home.scaled_by is not None:
        first.standardize(*home.scaled_by, home.clipped)
    stack = GramStack((m, *home.sizes[1:]), home.activations, home.biases, home.dtype, units_major=False)
    stack.X, stack.scale, stack.threads = X, scale, thread_count(n_threads)
    stack.start = aligned_zeros(round_up_rows(m) * stack.net.layers[0].ld, home.dtype)
    (<object>stack.start)[:m * stack.net.layers[0].ld].reshape(m, -1)[:, :n] = first.forward(
        X, scale=scale, n_threads=n_threads, deadline=deadline)
    stack.offset = cnp.PyArray_DATA(stack.start)
    stack.gram = compute_gram(home, X, scale, stack.threads, deadline)
    stack.set_optimizer(home.optimizer, momentum=home.step.momentum) if home.moments else stack.set_optimizer("sgd")
    stack.steps = home.steps
    for mine, theirs in zip((stack.parameters, *stack.moments), (home.parameters, *home.moments)):
        copy_other_parameters(home.views(theirs), stack.views(mine))
    stack.home = home
    return stack
