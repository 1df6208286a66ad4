"""The formulas of the losses, from the logits z of LANES rows at once, and their gradients dL/dz.

binary_cross_entropy    sum_j max(z_j, 0) - z_j y_j + log(1 + exp(-|z_j|));      sigmoid(z_j) - y_j
softmax_cross_entropy   sum_j y_j (log sum_k exp(z_k) - z_j);                    softmax(z)_j sum_k y_k - y_j
mse                     sum_j (z_j - y_j)^2;                                     2 (z_j - y_j)

Every form is finite for every z up to 1e30 and beyond: exponentials are taken of -|z| or of z - max z only, and
squares in double.
"""

from cnn_core.activations cimport v_exp, v_log1p, v_sigmoid
from cnn_core.vec cimport v_abs, v_max, v_set1, vec


cdef inline vec v_binary_cross_entropy(vec z, vec y, vec *dz) noexcept nogil:
    """The loss of one output of each row, and its gradient in dz."""
    dz[0] = v_sigmoid(z) - y
    return v_max(v_set1(0), z) - z * y + v_log1p(v_exp(v_set1(0) - v_abs(z)))
