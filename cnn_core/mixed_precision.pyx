"""Memory of training in low precision: packed copies of the weights, and rows in low precision; a part of `stack`.

The copies belong to the stack; each run packs the weights when it begins, and after each step the rows of W that were
stepped. What a run needs beside them is part of its workspace: dZ of the chunk's rows, packed, and for each thread the
rows, or columns, that it multiplies next.
"""

cimport cython

from cnn_core.layers cimport Block, make_packed, round_up_rows
from cnn_core.stack cimport Stack
from cnn_core.types cimport BFLOAT16, OPERAND_BYTES, OPERAND_ROWS, PANEL, TERM_GROUP, Run, operand_stride, packed_panel

cdef enum:
    LOW_CHUNK_BYTES = 1024 * 1024   # `CHUNK_BYTES`: a chunk reads and writes the gradient of W, which costs more here
    MOST_LOW_CHUNK = 1024
    STEP_ROWS = 32                  # as in `kernels/mixed_precision.pyx`


cdef int make_copies(Stack self) except -1:
    """Allocate the packed copies of the weights, unless another thread has done so."""
    cdef Block made = make_packed(self, [BFLOAT16] * self.net.depth, True)
    with cython.critical_section(self):
        if self.copies is None:
            self.copies = made
    return 0


cdef Py_ssize_t low_chunk_rows(Stack self, Py_ssize_t row, Py_ssize_t batch, int threads) noexcept:
    """`chunk_rows` in low precision; `row` is the number of reals of a row in all buffers."""
    cdef Py_ssize_t most = max(LOW_CHUNK_BYTES, self.memory.count * self.itemsize) // (row * self.itemsize), chunks
    most = max(min(most, MOST_LOW_CHUNK), TERM_GROUP) * threads
    chunks = (batch + most - 1) // most
    return (batch + chunks*TERM_GROUP - 1) // (chunks*TERM_GROUP) * TERM_GROUP


cdef Py_ssize_t operands_size(Stack self, Py_ssize_t chunk) noexcept:
    """Bytes of a thread's rows, or columns of the chunk's rows, that are multiplied at once."""
    return max(OPERAND_ROWS * operand_stride(self.net.width, BFLOAT16),
               max(OPERAND_BYTES, STEP_ROWS * operand_stride(chunk, BFLOAT16)))


cdef Py_ssize_t low_precision_size(Stack self, Py_ssize_t chunk, Py_ssize_t rows, int threads) noexcept:
    """Bytes of `lay_out_low_precision`; 0 unless the precision is low."""
    cdef Py_ssize_t bytes, i
    if not self.is_low:
        return 0
    bytes = round_up_rows(self.net.depth)*sizeof(void *) + threads*operands_size(self, chunk)
    for i in range(self.net.depth):
        bytes += (self.net.layers[i].n + PANEL - 1) // PANEL * packed_panel(rows)
    return bytes


cdef void lay_out_low_precision(Stack self, Run *run, Py_ssize_t rows, int threads, char *at) noexcept:
    """Point a run to its buffers of low precision: dZ has `rows` rows."""
    cdef Py_ssize_t i
    if not self.is_low:
        return
    run.packed_dz, run.dz_panel = <void **>at, packed_panel(rows)
    at += round_up_rows(self.net.depth)*sizeof(void *)
    run.operands, run.operands_size = at, operands_size(self, run.chunk)
    at += threads * run.operands_size
    for i in range(self.net.depth):
        run.packed_dz[i] = at
        at += (self.net.layers[i].n + PANEL - 1) // PANEL * run.dz_panel
