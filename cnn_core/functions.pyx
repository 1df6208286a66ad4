"""Functions of arrays: matrix products, activations and their derivatives. Checks here; loops in the kernels.

(a) Arrays may have any strides. A product reads its operands in place; operands whose strides are not multiples of the
    element size, and operands of activations that are not contiguous, are copied first.
(b) A call has its own workspace, so that any number of threads may call.
"""

import numpy as np

from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.math cimport INFINITY
from libc.stdint cimport uintptr_t

cimport numpy as cnp

from cnn_core.activation_codes cimport SOFTMAX, fused
from cnn_core.layers cimport (
    Poll, activation_codes, code_of, kernels_of, new_poll, overlap, poll_run, raise_signal, same_shape, thread_count)
from cnn_core.kernel_tables cimport Gemm, ArrayKernels
from cnn_core.threads cimport acquire_threads, release_threads, run_shares
from cnn_core.types cimport SLICE_FLOPS

cnp.import_array()

cdef enum:
    SMALL_WORK = 32768              # bytes of workspace on the C stack
    ELEMENTS = 1 << 22              # numbers that are activated before signals are checked
    SERIAL_FLOPS = 4000000          # a product with less work uses one thread: waking others takes longer

cdef ArrayKernels *array_kernels[2]
array_kernels[0] = <ArrayKernels *>kernels_of("array_kernels", "f32", "cnn_core.ArrayKernels")
array_kernels[1] = <ArrayKernels *>kernels_of("array_kernels", "f64", "cnn_core.ArrayKernels")


cdef ArrayKernels *array_kernels_of(cnp.ndarray array, str name) except NULL:
    """Kernels for an array's type of real."""
    cdef int kind = cnp.PyArray_TYPE(array)
    if (kind != cnp.NPY_FLOAT32 and kind != cnp.NPY_FLOAT64) or cnp.PyArray_ISBYTESWAPPED(array):
        raise TypeError(
            f"{name} has dtype {(<object>array).dtype}; it must be float32 or float64, of native byte order")
    return array_kernels[0 if kind == cnp.NPY_FLOAT32 else 1]


cdef bint is_element_aligned(cnp.ndarray matrix) noexcept:
    """Whether the address and the strides of a matrix are multiples of the element size."""
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(matrix)
    return (<uintptr_t>cnp.PyArray_DATA(matrix) % size == 0 and cnp.PyArray_STRIDE(matrix, 0) % size == 0
            and cnp.PyArray_STRIDE(matrix, 1) % size == 0)


cdef check_output(cnp.ndarray out, cnp.ndarray like, tuple shape, bint fits):
    """Check an output array; `fits`: whether it has the shape."""
    if not fits or cnp.PyArray_TYPE(out) != cnp.PyArray_TYPE(like):
        raise ValueError(f"out has shape {(<object>out).shape} and dtype {(<object>out).dtype}; it must have shape "
                         f"{shape} and dtype {(<object>like).dtype}")
    if not cnp.PyArray_ISWRITEABLE(out) or cnp.PyArray_ISBYTESWAPPED(out):
        raise ValueError("out must be writable, and of native byte order")


cdef cnp.ndarray product_output(cnp.ndarray out, cnp.ndarray A, cnp.ndarray B):
    """New array for A B; or `out`, after a check of its shape, dtype and strides and that it overlaps neither A nor
    B."""
    cdef cnp.npy_intp shape[2]
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(A)
    shape[0], shape[1] = cnp.PyArray_DIM(A, 0), cnp.PyArray_DIM(B, 1)
    if out is None:
        return cnp.PyArray_EMPTY(2, shape, cnp.PyArray_TYPE(A), 0)
    check_output(out, A, (shape[0], shape[1]), cnp.PyArray_NDIM(out) == 2 and cnp.PyArray_DIM(out, 0) == shape[0]
                 and cnp.PyArray_DIM(out, 1) == shape[1])
    if (not is_element_aligned(out) or (cnp.PyArray_STRIDE(out, 1) != size and shape[1] > 1)
            or (cnp.PyArray_STRIDE(out, 0) < shape[1]*size and shape[0] > 1)):
        raise ValueError(
            f"out has strides {(<object>out).strides}; the numbers of a row must be contiguous, and rows must not "
            "overlap")
    if overlap(out, A) or overlap(out, B):
        raise ValueError(f"out overlaps {'A' if overlap(out, A) else 'B'}")
    return out


cdef void gemm_share(void *g, int rank, int size) noexcept nogil:
    (<ArrayKernels *>(<Gemm *>g).kernels).gemm(<Gemm *>g, rank, size)


cdef void start_polling(Gemm *g, Poll *poll) noexcept:
    """Let a long product be polled. `poll` must stay at its address during the product."""
    poll[0] = new_poll(INFINITY)
    g.poll, g.poller = NULL, poll
    if 2.0*g.m*g.n*g.k > SLICE_FLOPS:
        g.poll = poll_run


cdef int run_gemm(Gemm *g, Py_ssize_t itemsize, int threads) noexcept nogil:
    """Compute the product; returns -1 when memory is out."""
    cdef char small[SMALL_WORK + 64]
    cdef char *room = small
    cdef Py_ssize_t bytes_
    cdef int size = acquire_threads(threads, False) if threads > 1 and 2.0*g.m*g.n*g.k > SERIAL_FLOPS else 1
    bytes_ = (<const ArrayKernels *>g.kernels).workspace_size(g, size) * itemsize * size
    if bytes_ > SMALL_WORK:
        room = <char *>PyMem_RawMalloc(bytes_ + 64)
        if room == NULL:
            release_threads(size)
            return -1
    g.work = room + (64 - <uintptr_t>room % 64)
    run_shares(gemm_share, g, size, True)
    release_threads(size)
    if room != small:
        PyMem_RawFree(room)
    return 0


def matmul(cnp.ndarray A not None, cnp.ndarray B not None, cnp.ndarray out=None, *, n_threads=None):
    """Product of two matrices.

    Parameters
    ----------
    A : ndarray (m, k)
        float32 or float64, any strides: the transpose of a matrix is its ``.T``.
    B : ndarray (k, n)
        Second matrix, of A's dtype.
    out : ndarray (m, n), optional
        Output array: of A's dtype, each row contiguous, overlapping neither each other nor A or B.
    n_threads : int, optional
        Largest number of threads; `get_num_threads()` by default. The bits of the result do not depend on it.

    Returns
    -------
    ndarray (m, n)
        `out`, or a new C-contiguous array. Zeros for k = 0.

    Raises
    ------
    TypeError
        If A or B is not float32 or float64, or their dtypes differ.
    ValueError
        If A or B is not 2-D, their shapes do not match, or `out` does not fit or overlaps one of them.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.functions import matmul
    >>> A, B = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0], [10.0]])
    >>> matmul(A, B)
    array([[21.],
           [43.]])
    >>> matmul(A.T, B, n_threads=1)
    array([[31.],
           [42.]])
    """
    cdef Gemm g
    cdef Poll poll
    cdef Py_ssize_t size
    cdef int failed, threads
    g.kernels = array_kernels_of(A, "A")
    if array_kernels_of(B, "B") != g.kernels:
        raise TypeError(f"A has dtype {(<object>A).dtype} and B {(<object>B).dtype}; they must be the same")
    if cnp.PyArray_NDIM(A) != 2 or cnp.PyArray_NDIM(B) != 2 or cnp.PyArray_DIM(A, 1) != cnp.PyArray_DIM(B, 0):
        raise ValueError(
            f"A has shape {(<object>A).shape} and B {(<object>B).shape}; they must be (m, k) and (k, n)")
    g.m, g.k, g.n = cnp.PyArray_DIM(A, 0), cnp.PyArray_DIM(A, 1), cnp.PyArray_DIM(B, 1)
    size = cnp.PyArray_ITEMSIZE(A)
    threads = thread_count(n_threads)
    out = product_output(out, A, B)
    if g.m == 0 or g.n == 0:
        return out
    if g.k == 0:
        np.ndarray.__setitem__(out, ..., 0)
        return out
    if not is_element_aligned(A):
        A = np.ascontiguousarray(A)
    if not is_element_aligned(B):
        B = np.ascontiguousarray(B)
    g.a, g.b, g.c = cnp.PyArray_DATA(A), cnp.PyArray_DATA(B), cnp.PyArray_DATA(out)
    g.a_row, g.a_col = cnp.PyArray_STRIDE(A, 0) // size, cnp.PyArray_STRIDE(A, 1) // size
    g.b_row, g.b_col = cnp.PyArray_STRIDE(B, 0) // size, cnp.PyArray_STRIDE(B, 1) // size
    g.ldc = cnp.PyArray_STRIDE(out, 0) // size
    start_polling(&g, &poll)
    with nogil:
        failed = run_gemm(&g, size, threads)
    if failed:
        raise MemoryError
    raise_signal(&poll)
    return out


def dot(cnp.ndarray a not None, cnp.ndarray b not None):
    """The sum of the products of two vectors, in an order that follows from their length alone.

    Parameters
    ----------
    a, b : ndarray (n,)
        float32 or float64, of one dtype, any strides.

    Returns
    -------
    float
        0 for n = 0. Summed in the dtype of the vectors.

    Raises
    ------
    TypeError
        If a or b is not float32 or float64, or their dtypes differ.
    ValueError
        If a or b is not 1-D, or their lengths differ.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.functions import dot
    >>> dot(np.array([1.0, 2.0, 3.0]), np.array([10.0, 1.0, 0.5]))
    13.5
    """
    cdef ArrayKernels *run = array_kernels_of(a, "a")
    cdef cnp.ndarray left, right
    cdef Py_ssize_t count = cnp.PyArray_SIZE(a)
    cdef const void *p
    cdef const void *q
    cdef double total
    if array_kernels_of(b, "b") != run:
        raise TypeError(f"a has dtype {(<object>a).dtype} and b {(<object>b).dtype}; they must be the same")
    if cnp.PyArray_NDIM(a) != 1 or cnp.PyArray_NDIM(b) != 1 or cnp.PyArray_SIZE(b) != count:
        raise ValueError(f"a has shape {(<object>a).shape} and b {(<object>b).shape}; they must be (n,), the same")
    left, right = as_contiguous(a), as_contiguous(b)
    p, q = cnp.PyArray_DATA(left), cnp.PyArray_DATA(right)
    with nogil:
        total = run.dot(count, p, q)
    return total


cdef cnp.ndarray as_contiguous(cnp.ndarray array):
    """The array if it is C-contiguous, else a copy that is."""
    return array if cnp.PyArray_ISCARRAY_RO(array) else np.array(array, order="C")


cdef cnp.ndarray new_like(cnp.ndarray like):
    """New C-contiguous array of the shape and type of another one."""
    return cnp.PyArray_EMPTY(cnp.PyArray_NDIM(like), cnp.PyArray_DIMS(like), cnp.PyArray_TYPE(like), 0)


cdef cnp.ndarray choose_output(cnp.ndarray out, cnp.ndarray like, list inputs):
    """`out` if it is contiguous and overlaps no input, or starts where that input does; else a new array."""
    cdef cnp.ndarray array
    if out is None:
        return new_like(like)
    check_output(out, like, (<object>like).shape, same_shape(out, like))
    if cnp.PyArray_ISCARRAY(out):
        for array in inputs:
            if overlap(out, array) and cnp.PyArray_DATA(out) != cnp.PyArray_DATA(array):
                break
        else:
            return out
    return new_like(like)


cdef cnp.ndarray copy_to_output(cnp.ndarray out, cnp.ndarray made):
    """The result in `out`, if there is one."""
    if out is None or out is made:
        return made
    np.ndarray.__setitem__(out, ..., made)
    return out


def activate(str name not None, cnp.ndarray Z not None, cnp.ndarray out=None):
    """f(Z), for every number or, for softmax, along the last axis.

    Parameters
    ----------
    name : str
        One of `cnn_core.layers.ACTIVATIONS`.
    Z : ndarray
        float32 or float64, any shape (softmax: at least 1-D) and strides.
    out : ndarray, optional
        Output array: of Z's shape and dtype; it may be Z itself.

    Returns
    -------
    ndarray
        `out`, or a new C-contiguous array.

    Raises
    ------
    TypeError
        If Z is not float32 or float64.
    ValueError
        If the name is unknown, `out` does not fit, or Z is 0-D for softmax.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.functions import activate
    >>> Z = np.array([[-1.0, 0.0, 2.0]])
    >>> activate("relu", Z)
    array([[0., 0., 2.]])
    >>> activate("softmax", Z).round(3)
    array([[0.042, 0.114, 0.844]])
    """
    cdef int activation = code_of("activation", activation_codes, name)
    cdef ArrayKernels *run = array_kernels_of(Z, "Z")
    cdef cnp.ndarray z, made
    cdef Py_ssize_t count = cnp.PyArray_SIZE(Z), size = cnp.PyArray_ITEMSIZE(Z), n = 1, at = 0, some, step
    cdef const char *source
    cdef char *target
    if activation == SOFTMAX:
        if cnp.PyArray_NDIM(Z) == 0:
            raise ValueError("Z has shape (); softmax needs an axis")
        n = cnp.PyArray_DIM(Z, cnp.PyArray_NDIM(Z) - 1)
    z = as_contiguous(Z)
    made = choose_output(out, Z, [z])
    if count == 0:
        return copy_to_output(out, made)
    source, target = <const char *>cnp.PyArray_DATA(z), <char *>cnp.PyArray_DATA(made)
    step = max(<Py_ssize_t>1, ELEMENTS // n) * n
    while at < count:
        some = min(step, count - at)
        with nogil:
            if activation == SOFTMAX:
                run.softmax(some // n, n, source + at*size, target + at*size)
            else:
                run.activate(activation, some, source + at*size, target + at*size)
        at += some
        if at < count:
            PyErr_CheckSignals()
    return copy_to_output(out, made)


cdef cnp.ndarray derivative(str name, cnp.ndarray A, str what, cnp.ndarray dA, cnp.ndarray out, bint from_inputs):
    """dA f'(Z), where A is f(Z), or Z with `from_inputs`; `what` is the array's name in errors."""
    cdef int activation = code_of("activation", activation_codes, name)
    cdef ArrayKernels *run = array_kernels_of(A, what)
    cdef cnp.ndarray a, d, made
    cdef Py_ssize_t count = cnp.PyArray_SIZE(A), size = cnp.PyArray_ITEMSIZE(A), at = 0, some
    cdef const char *numbers
    cdef const char *above
    cdef char *target
    if activation == SOFTMAX:
        raise ValueError(
            "softmax has no elementwise derivative; use the loss softmax_cross_entropy, whose gradient with respect to "
            "the logits is P - Y")
    if not from_inputs and not fused(activation):
        raise ValueError(f"the derivative of {name!r} takes the inputs Z; call derive_from_inputs")
    if array_kernels_of(dA, "dA") != run:
        raise TypeError(f"{what} has dtype {(<object>A).dtype} and dA {(<object>dA).dtype}; they must be the same")
    if not same_shape(A, dA):
        raise ValueError(f"{what} has shape {(<object>A).shape} and dA {(<object>dA).shape}; they must be the same")
    a, d = as_contiguous(A), as_contiguous(dA)
    made = choose_output(out, A, [a, d])
    numbers, above = <const char *>cnp.PyArray_DATA(a), <const char *>cnp.PyArray_DATA(d)
    target = <char *>cnp.PyArray_DATA(made)
    while at < count:
        some = min(<Py_ssize_t>ELEMENTS, count - at)
        with nogil:
            if from_inputs:
                run.derive_from_inputs(activation, some, numbers + at*size, above + at*size, target + at*size)
            else:
                run.derive(activation, some, numbers + at*size, above + at*size, target + at*size)
        at += some
        if at < count:
            PyErr_CheckSignals()
    return copy_to_output(out, made)


def derive(str name not None, cnp.ndarray A not None, cnp.ndarray dA not None, cnp.ndarray out=None):
    """dA * f'(Z), from the outputs A = f(Z): the gradient with respect to Z. relu'(0) is 0.

    Parameters
    ----------
    name : str
        "identity", "relu", "sigmoid" or "tanh"; for the others see `derive_from_inputs`.
    A : ndarray
        float32 or float64, any shape and strides.
    dA : ndarray
        Gradient with respect to A, of A's shape and dtype.
    out : ndarray, optional
        Output array: of A's shape and dtype; it may be A or dA itself.

    Returns
    -------
    ndarray
        `out`, or a new C-contiguous array.

    Raises
    ------
    TypeError
        If A is not float32 or float64, or dA has another dtype.
    ValueError
        If the name is unknown, f' is not a function of A, or shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.functions import activate, derive
    >>> A = activate("sigmoid", np.array([0.0, 2.0]))
    >>> derive("sigmoid", A, np.ones(2)).round(4)  # A (1 - A)
    array([0.25 , 0.105])
    """
    return derivative(name, A, "A", dA, out, False)


def derive_from_inputs(str name not None, cnp.ndarray Z not None, cnp.ndarray dA not None, cnp.ndarray out=None):
    """dA * f'(Z), from the inputs Z: the gradient with respect to Z.

    Parameters
    ----------
    name : str
        One of `cnn_core.layers.ACTIVATIONS` but "softmax".
    Z, dA, out
        As for `derive`, with Z in A's place.

    Returns
    -------
    ndarray
        `out`, or a new C-contiguous array.

    Raises
    ------
    TypeError, ValueError
        As for `derive`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.functions import derive_from_inputs
    >>> Z, dA = np.array([-1.0, 0.0, 1.0]), np.array([10.0, 10.0, 10.0])
    >>> derive_from_inputs("gelu", Z, dA).round(2)
    array([-0.83,  5.  , 10.83])
    """
    return derivative(name, Z, "Z", dA, out, True)
