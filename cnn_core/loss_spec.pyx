"""Losses as the kernels see them, and checks of the targets and other arrays of a pass; a part of `stack`."""

import numpy as np

from libc.stdint cimport int64_t

cimport numpy as cnp

from cnn_core.layers cimport code_of
from cnn_core.stack cimport Stack
from cnn_core.types cimport (
    BINARY_CROSS_ENTROPY, BINARY_FOCAL, CUSTOM, GAUSSIAN_NLL, HUBER, LOG_COSH, MAE, MSE, ORDINAL, QUANTILE,
    SOFTMAX_CROSS_ENTROPY, SOFTMAX_FOCAL, SQUARED_ERROR, TWEEDIE, LossSpec, Layer, Run, Target)

cdef dict _table = {            # the code of each, and its parameters with their defaults
    "binary_cross_entropy": (BINARY_CROSS_ENTROPY, {"gamma": 0.0, "label_smoothing": 0.0, "pos_weight": None}),
    "softmax_cross_entropy": (SOFTMAX_CROSS_ENTROPY, {"gamma": 0.0, "label_smoothing": 0.0}),
    "mse": (MSE, {}),
    "squared_error": (SQUARED_ERROR, {}),
    "mae": (MAE, {}),
    "huber": (HUBER, {"delta": 1.0}),
    "log_cosh": (LOG_COSH, {}),
    "tweedie": (TWEEDIE, {"power": 1.5}),
    "quantile": (QUANTILE, {"quantiles": (0.1, 0.5, 0.9)}),
    "gaussian_nll": (GAUSSIAN_NLL, {}),
    "ordinal": (ORDINAL, {})}
cdef dict _losses = {name: code for name, (code, _) in _table.items()}
LOSS_PARAMETERS = {name: parameters for name, (_, parameters) in _table.items()}
LOSSES = tuple(_losses)


cdef class CustomCall:
    """A `CustomLoss`, and the stack that is trained with it."""
    cdef object loss
    cdef Stack stack
    cdef int type_number
    cdef object error           # exception of the function, or that its results caused; or None


cdef void call_custom_loss(LossSpec *spec, const Layer *last, Py_ssize_t m, const void *z, const Target *target,
                           const int64_t *rows, Py_ssize_t first, double weight, void *dz, void *scratch,
                           double *row_loss) noexcept with gil:
    """A `loss_fn` that calls a `CustomLoss`."""
    cdef cnp.npy_intp shape[2]
    cdef bint paused
    cdef CustomCall call = <CustomCall>spec.function
    shape[0], shape[1] = m, last.ld
    spec.failed = True
    outputs = (<object>cnp.PyArray_SimpleNewFromData(2, shape, call.type_number, <void *>z))[:, :last.n]
    paused = call.stack.pause()
    try:
        enter_user()
        try:
            made = call.loss.evaluate(outputs.copy(), dz != NULL, first, weight)
        finally:
            leave_user()
        # The buffers themselves are never in the reach of Python functions, which might keep them.
        (<object>cnp.PyArray_SimpleNewFromData(1, shape, cnp.NPY_FLOAT64, row_loss))[:] = made[0]
        if dz != NULL:
            gradient = cnp.PyArray_SimpleNewFromData(2, shape, call.type_number, dz)
            gradient[:, :last.n] = made[1]
            gradient[:, last.n:] = 0
        spec.failed = False
    except BaseException as error:
        call.error = error
    if paused:
        call.stack.resume()


cdef object read_loss(LossSpec *spec, loss, Py_ssize_t outputs):
    """Fill in a `LossSpec`; returns the object that must stay alive."""
    cdef cnp.ndarray levels
    if callable(loss):
        spec.loss = CUSTOM
        return None
    name, given = loss if isinstance(loss, tuple) else (loss, {})
    name, given = str.__str__(name) if isinstance(name, str) else name, dict(given)     # the same in all tables
    spec.loss = code_of("loss", _losses, name)
    parameters = LOSS_PARAMETERS[name]
    for key in given:
        if key not in parameters:
            raise TypeError(f"loss {name!r} has no parameter {key!r}; it has {list(parameters)}")
    values = {**parameters, **given}
    spec.smoothing = values.get("label_smoothing", 0.0)
    spec.parameter = values.get("delta", values.get("power", values.get("gamma", 0.0)))
    if given and spec.loss == SOFTMAX_CROSS_ENTROPY:
        spec.loss = SOFTMAX_FOCAL
    elif given and spec.loss == BINARY_CROSS_ENTROPY:
        spec.loss = BINARY_FOCAL
    elif spec.loss == GAUSSIAN_NLL and outputs % 2 != 0:
        raise ValueError(f"gaussian_nll has a mean and a log variance for each target; the stack has "
                         f"{outputs} outputs")
    numbers = values.get("quantiles", values.get("pos_weight"))
    if numbers is None and spec.loss == QUANTILE:
        raise ValueError("quantiles is None; the loss 'quantile' needs a number, or one for each output")
    if numbers is None:
        return None
    levels = np.full(outputs, numbers, np.float64) if np.ndim(numbers) == 0 else np.array(numbers, np.float64)
    if (<object>levels).shape != (outputs,):
        raise ValueError(f"{name} has {len(levels)} parameters; the stack has {outputs} outputs, which need one each")
    spec.levels = <const double *>cnp.PyArray_DATA(levels)
    return levels


cdef cnp.ndarray read_target(Run *run, y, Py_ssize_t m, Py_ssize_t outputs, dtype):
    """Fill in the targets of a run; returns the array that must stay alive."""
    cdef cnp.ndarray target = np.asarray(y)
    cdef int loss = run.loss_spec.loss
    cdef Py_ssize_t classes = outputs + 1 if loss == ORDINAL else outputs, columns = outputs
    if loss == ORDINAL or (loss in (SOFTMAX_CROSS_ENTROPY, SOFTMAX_FOCAL) and cnp.PyArray_NDIM(target) == 1):
        if (cnp.PyArray_TYPE(target) != cnp.NPY_INT64 or cnp.PyArray_NDIM(target) != 1
                or not cnp.PyArray_ISCARRAY_RO(target)):
            raise TypeError("y must be a contiguous int64 array of class indices")
        target = target.copy()          # what is checked is what is used, whatever functions of the pass write to y
        if len(target) != m:
            raise ValueError(f"y has {len(target)} labels; X has {m} rows")
        if target.min() < 0 or target.max() >= classes:
            raise ValueError(f"y has class indices from {target.min()} to {target.max()}; the stack has "
                             f"{outputs} outputs")
        run.target.labels = <const int64_t *>cnp.PyArray_DATA(target)
        return target
    if (<object>target).dtype != dtype or not cnp.PyArray_ISCARRAY_RO(target):
        raise TypeError(f"y must be a C-contiguous array of dtype {dtype}")
    if loss == QUANTILE:
        columns = 1
    elif loss == GAUSSIAN_NLL:
        columns = outputs // 2
    elif loss == CUSTOM and cnp.PyArray_NDIM(target) == 2:
        columns = cnp.PyArray_DIM(target, 1)
    if (<object>target).shape != (m, columns):
        raise ValueError(f"y has shape {(<object>target).shape}; it must be ({m}, {columns})")
    run.target.values, run.target.columns = cnp.PyArray_DATA(target), columns
    return target


cdef object read_weights(Run *run, weights, Py_ssize_t m):
    """Fill in the sample weights of a run; returns the array that must stay alive."""
    cdef cnp.ndarray array
    if weights is None:
        return None
    array = np.array(weights, np.float64, order="C")
    if (<object>array).shape != (m,):
        raise ValueError(f"weights has shape {(<object>array).shape}; X has {m} rows")
    if not (array.min() >= 0 and 0 < array.sum() < np.inf):
        raise ValueError("weights must be finite and at least 0, and not all of them 0")
    run.target.weights = <const double *>cnp.PyArray_DATA(array)
    return array


cdef cnp.ndarray read_order(Run *run, order, Py_ssize_t m):
    """Describe the order of the rows to the kernels; returns the copy that must stay alive, or None."""
    cdef cnp.ndarray rows
    if order is None:
        return None
    if run.offset != NULL:
        raise ValueError("gram training uses all rows at once: order must be None")
    rows = order
    if cnp.PyArray_TYPE(rows) != cnp.NPY_INT64 or cnp.PyArray_NDIM(rows) != 1 or not cnp.PyArray_ISCARRAY_RO(rows):
        raise TypeError("order must be a contiguous int64 vector of row indices")
    rows = np.array(rows)               # not a subclass
    if len(rows) == 0 or rows.min() < 0 or rows.max() >= m:
        raise ValueError(f"order must name rows from 0 to {m - 1}")
    run.order, run.count = <const int64_t *>cnp.PyArray_DATA(rows), len(rows)
    return rows


cdef cnp.ndarray read_rates(const Run *run, rates, Py_ssize_t passes):
    """Return the learning rates as an array with one number for each step of all passes."""
    cdef cnp.ndarray array = np.array(rates, np.float64, order="C", ndmin=1)
    cdef Py_ssize_t steps = (run.count + run.batch - 1) // run.batch
    if passes > PY_SSIZE_T_MAX // 8 // steps:
        raise ValueError(f"epochs is {passes}; with {steps} steps each, their number does not fit the address space")
    steps *= passes
    if (<object>array).shape != (steps,):
        raise ValueError(f"rates has shape {(<object>array).shape}; {passes} passes over {run.count} rows in batches "
                         f"of {run.batch} take {steps} steps")
    return array


cdef double row_count(const Run *run, weights, order) except -1:
    """Divisor of the loss of a pass: its number of rows, or the sum of their weights."""
    if weights is None:
        return run.count
    total = (weights if order is None else weights[order]).sum()
    if total == 0:
        raise ValueError("all weights of the rows in order are 0")
    return total
