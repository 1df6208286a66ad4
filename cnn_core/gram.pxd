"""What `gram` exports."""

from cnn_core.types cimport Gram

ctypedef void (*gram_fn)(Gram *gram, int rank, int size) noexcept nogil
