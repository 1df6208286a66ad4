"""Units of predicted values: the last step of a prediction, in float64 whatever the type; a part of `layers`."""

cdef class Units:
    """Units of the outputs of `try_forward`, for networks that predict values; immutable.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        Type of a new output array.
    factor, shift : array-like (n,), optional
        Output z becomes z * factor + shift, computed in float64, before it is rounded to the type of the array.
    as_vector : bool
        Whether a new output array of a network with one output is a vector (m,).

    Raises
    ------
    ValueError
        If dtype is another one, or factor and shift are not vectors of one length.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.layers import Layers, Units
    >>> layers = Layers((1, 1), ("identity",), dtype="float64")
    >>> layers.parameters[0] = 2.0  # the weight; the bias is 0
    >>> units = Units("float64", factor=[100.0], shift=[7.0])
    >>> layers.try_forward(np.array([[3.0]]), None, 1, 1.0, 1, units)  # 100 (2 * 3) + 7
    array([[607.]])
    """

    def __cinit__(self, dtype, factor=None, shift=None, *, bint as_vector=False):
        numbers = np.dtype(dtype)
        if numbers != np.float32 and numbers != np.float64:
            raise ValueError(f"dtype is {numbers}; it must be float32 or float64")
        if (factor is None) != (shift is None):
            raise ValueError("factor and shift are given together, or neither")
        self.type_number = cnp.NPY_FLOAT64 if numbers == np.float64 else cnp.NPY_FLOAT32
        self.count, self.as_vector = -1, as_vector
        if factor is not None:
            self.factors = np.array(factor, np.float64, order="C", ndmin=1)
            self.shifts = np.array(shift, np.float64, order="C", ndmin=1)
            self.count = len(self.factors)
            if (<object>self.shifts).shape != (self.count,) or (<object>self.factors).shape != (self.count,):
                raise ValueError("factor and shift must be vectors of one length")
            self.of_y.factor = <const double *>cnp.PyArray_DATA(self.factors)
            self.of_y.shift = <const double *>cnp.PyArray_DATA(self.shifts)


cdef bint write_in_units(const UnitsOfY *units, Py_ssize_t m, Py_ssize_t n, bint from_double, const char *z,
                         char *out) noexcept nogil:
    """out[m, n] = z * factor + shift in double, then in the type of the result; returns whether all are finite: 0 times
    a number that is not is NaN."""
    cdef Py_ssize_t i, j = 0
    cdef double value, total = 0
    for i in range(m * n):
        value = (<const double *>z)[i] if from_double else (<const float *>z)[i]
        if units.factor != NULL:
            value = value * units.factor[j] + units.shift[j]
        if units.is_double:
            (<double *>out)[i] = value
        else:
            (<float *>out)[i] = <float>value
            value = (<float *>out)[i]
        total = total + value * 0.0
        j = 0 if j + 1 == n else j + 1
    return total == 0
