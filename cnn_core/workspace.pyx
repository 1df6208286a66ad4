"""Workspace of a pass: rows per chunk, and the addresses of all buffers; a part of `stack`.

(a) The workspace is one block of memory that is kept for the next pass; a concurrent call allocates its own.
(b) A batch is computed in chunks: as many rows and activations as fit the level-2 cache; or, if the weights do not fit
    it anyway, as many bytes of rows as of weights. Larger chunks read long rows twice from memory (30000-4-3-2-1 in
    float64: 512 rows took twice as long as 4), smaller ones read the weights too often.
"""

import numpy as np

cimport cython
cimport numpy as cnp

from cnn_core.activation_codes cimport fused
from cnn_core.layers cimport aligned_zeros, padded_stride, round_up_rows
from cnn_core.stack cimport Stack
from cnn_core.types cimport (
    LARGE_BLOCK, LARGE_ROWS, LARGE_STRIDE, MOST_NARROW, NARROW_PANEL, NO_NORM, ROW_GROUP, Layer, Run, is_large)

cdef enum:
    CHUNK_BYTES = 512 * 1024        # bytes of the level-2 cache for a thread's rows of a chunk
    SMALL_CHUNK = 4
    MOST_CHUNK = 128
    LARGE_CHUNK = 512


cdef Py_ssize_t chunk_rows(Stack self, Py_ssize_t batch, int threads, bint activated):
    """Rows of each chunk of a batch, in equal chunks: see (b)."""
    cdef Py_ssize_t row = padded_stride(self.sizes[0], self.itemsize), chunks, most, i
    if self.offset != NULL:
        return round_up_rows(batch)     # gram training uses all rows in each step
    for i in range(self.net.depth):
        row += count_arrays(self, i, activated) * self.net.layers[i].ld
    if self.is_low:
        return low_chunk_rows(self, row, batch, threads)
    if self.memory.count * self.itemsize > CHUNK_BYTES:
        most = min(self.memory.count // row, LARGE_CHUNK)
    else:
        most = min(CHUNK_BYTES // (row * self.itemsize), MOST_CHUNK)
    most = max(most, SMALL_CHUNK) * threads
    chunks = (batch + most - 1) // most
    return (batch + chunks*SMALL_CHUNK - 1) // (chunks*SMALL_CHUNK) * SMALL_CHUNK


cdef bint keeps_slope(Stack self, Py_ssize_t i, bint activated):
    """Whether f'(Z) of layer i is kept: if the product leaves out f, in the last layer only with a loss of f(Z)."""
    cdef Layer *layer = &self.net.layers[i]
    return (layer.has_epilogue or not fused(layer.activation)) and (i < self.net.depth - 1 or activated)


cdef Py_ssize_t count_arrays(Stack self, Py_ssize_t i, bint activated):
    """Number of buffers of layer i with the chunk's rows: output and dZ; f'(Z), see `keeps_slope`; zhat and dy if it
    is normalised; the gradient of its output if it is residual."""
    cdef Layer *layer = &self.net.layers[i]
    return (2 + keeps_slope(self, i, activated) + 2*(layer.norm != NO_NORM) + layer.residual)


cdef Py_ssize_t statistics_size(Stack self, Py_ssize_t i, Py_ssize_t chunk):
    """Reals of the statistics of layer i's normalisation for a chunk: one per row, or four per column."""
    cdef Layer *layer = &self.net.layers[i]
    return 0 if layer.norm == NO_NORM else max(round_up_rows(chunk), 4*layer.ld)


cdef Py_ssize_t copy_size(Stack self, Py_ssize_t i):
    """Reals in the second copy of layer i's weights, see `Run.wt`; the first layer needs no dX, large ones have no
    copy, and copies in low precision are apart."""
    cdef Layer *layer = &self.net.layers[i]
    if layer.units_major:
        return round_up_rows(layer.k) * layer.ldw if layer.whole > 0 else 0
    if is_large(layer, self.itemsize):
        return 0
    return round_up_rows(layer.n) * layer.ldt if i > 0 and not self.is_low else 0


cdef cnp.ndarray take_workspace(Stack self):
    """Return the block of memory of an earlier call, for this call alone; None if there is none."""
    with cython.critical_section(self):
        work, self.workspace = self.workspace, None
    return work


cdef int keep_workspace(Stack self, cnp.ndarray work) except -1:
    """Keep the block of memory of a call that has ended."""
    with cython.critical_section(self):
        _old, self.workspace = self.workspace, work
    return 0


cdef int make_transposed(Stack self) except -1:
    """Allocate the second copies of the weights, unless another thread has done so."""
    cdef Py_ssize_t i, size = 0
    for i in range(self.net.depth):
        size += copy_size(self, i)
    made = aligned_zeros(size, self.dtype)
    with cython.critical_section(self):
        if self.transposed is None:
            self.transposed = made
    return 0


cdef Py_ssize_t addresses_size(Stack self):
    """Bytes of the addresses of the layers' buffers."""
    return round_up_rows(8 * self.net.depth) * sizeof(void *)


cdef Py_ssize_t scratch_size(Stack self):
    """Reals of each thread's scratch."""
    cdef Py_ssize_t size = MOST_NARROW * NARROW_PANEL, panels, i
    cdef Layer *layer
    for i in range(self.net.depth):
        layer = &self.net.layers[i]
        panels = LARGE_BLOCK // self.itemsize + LARGE_ROWS*LARGE_STRIDE if is_large(layer, self.itemsize) else 0
        size = max(size, panels + ROW_GROUP*layer.ld)
    return size


cdef Py_ssize_t workspace_size(Stack self, Run *run, int threads):
    """Bytes of the buffers of a run; sets the size of its scratch."""
    cdef Py_ssize_t depth = self.net.depth, reals = 0, i
    for i in range(depth):
        reals += count_arrays(self, i, run.activated) * run.chunk * self.net.layers[i].ld
        reals += statistics_size(self, i, run.chunk)
    run.scratch_size = scratch_size(self)
    reals += run.chunk*self.net.layers[0].ldt + threads*run.scratch_size
    reals *= self.itemsize
    return reals + round_up_rows(run.chunk)*sizeof(double) + low_precision_size(self, run.chunk, run.chunk, threads)


cdef cnp.ndarray allocate_workspace(Stack self, Run *run, int threads):
    """Point the run's buffers into one block of memory, which the stack keeps for the next pass."""
    cdef Py_ssize_t size = workspace_size(self, run, threads), needed = size + addresses_size(self)
    work = take_workspace(self)
    if work is None or len(work) < needed:
        work = aligned_zeros(needed, np.dtype("uint8"))
    lay_out(self, run, threads, <char *>cnp.PyArray_DATA(work), <void **>(<char *>cnp.PyArray_DATA(work) + size))
    return work


cdef int lay_out(Stack self, Run *run, int threads, char *at, void **addresses) except -1:
    """Point the run's buffers into the `workspace_size` bytes at `at`, and put their addresses into the
    `addresses_size` bytes at `addresses`."""
    cdef Py_ssize_t depth = self.net.depth, size, i
    cdef Layer *layer
    if self.transposed is None:
        make_transposed(self)
    run.inputs = at
    at += run.chunk * self.net.layers[0].ldt * self.itemsize
    run.scratch = at
    at += threads * run.scratch_size * self.itemsize
    run.row_loss = <double *>at
    at += round_up_rows(run.chunk) * sizeof(double)
    run.a = addresses
    run.dz, run.wt, run.slope = run.a + depth, run.a + 2*depth, run.a + 3*depth
    run.hat, run.dy, run.inverse, run.skip_gradient = run.a + 4*depth, run.a + 5*depth, run.a + 6*depth, run.a + 7*depth
    for i in range(depth):
        layer = &self.net.layers[i]
        size = run.chunk * layer.ld * self.itemsize
        run.a[i], run.dz[i] = at, at + size
        at += 2 * size
        run.slope[i] = run.hat[i] = run.dy[i] = run.inverse[i] = run.skip_gradient[i] = NULL
        if keeps_slope(self, i, run.activated):
            run.slope[i] = at
            at += size
        if layer.norm != NO_NORM:
            run.hat[i], run.dy[i], run.inverse[i] = at, at + size, at + 2*size
            at += 2*size + statistics_size(self, i, run.chunk)*self.itemsize
        if layer.residual:
            run.skip_gradient[i] = at
            at += size
    lay_out_low_precision(self, run, run.chunk, threads, at)
    at = <char *>cnp.PyArray_DATA(self.transposed)
    for i in range(depth):
        run.wt[i] = at if copy_size(self, i) > 0 else NULL
        at += copy_size(self, i) * self.itemsize
    return 0
