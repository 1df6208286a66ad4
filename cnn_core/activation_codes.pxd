"""The activations of the core: their codes and names.

The products apply those up to SOFTMAX themselves, with derivatives computed from the output a = f(z). USER stands for
the functions of a user and has no name.
"""

cdef enum Activation:
    IDENTITY, RELU, SIGMOID, TANH, SOFTMAX
    EXP, LEAKY_RELU, ELU, SELU, GELU, GELU_TANH, SILU, MISH, SOFTPLUS, SOFTSIGN
    HARD_SIGMOID, HARD_SWISH, HARD_TANH, RELU6, SINE, USER


cdef inline bint fused(int activation) noexcept nogil:
    """Whether the products apply an activation."""
    return activation <= SOFTMAX


cdef inline const char *name_of_activation(int activation) noexcept nogil:
    """The name of a code; empty if it has none."""
    if activation == IDENTITY:
        return b"identity"
    if activation == RELU:
        return b"relu"
    if activation == SIGMOID:
        return b"sigmoid"
    if activation == TANH:
        return b"tanh"
    if activation == SOFTMAX:
        return b"softmax"
    if activation == EXP:
        return b"exp"
    if activation == LEAKY_RELU:
        return b"leaky_relu"
    if activation == ELU:
        return b"elu"
    if activation == SELU:
        return b"selu"
    if activation == GELU:
        return b"gelu"
    if activation == GELU_TANH:
        return b"gelu_tanh"
    if activation == SILU:
        return b"silu"
    if activation == MISH:
        return b"mish"
    if activation == SOFTPLUS:
        return b"softplus"
    if activation == SOFTSIGN:
        return b"softsign"
    if activation == HARD_SIGMOID:
        return b"hard_sigmoid"
    if activation == HARD_SWISH:
        return b"hard_swish"
    if activation == HARD_TANH:
        return b"hard_tanh"
    if activation == RELU6:
        return b"relu6"
    if activation == SINE:
        return b"sine"
    return b""
