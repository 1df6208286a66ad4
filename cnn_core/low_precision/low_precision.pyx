"""Products of low precision: bfloat16 with float32 sums, and int8 with int32 sums; compiled for each instruction set.

(a) A is stored by rows, which start at 64 bytes. B is stored in panels of 16 columns; a panel has 64 bytes for each
    word of k (two bfloat16 or four int8). k is padded with zeros to whole 64 bytes in both.
(b) A sum starts from D. Its products are added one at a time, the second of a pair before the first, as the instruction
    vdpbf16ps does. The order depends on nothing else: one row has the bits of the same row in a batch, and all
    instruction sets with FMA give the same bits.
(c) Sums of int8 are exact, and the steps after them are rounded one by one: all instruction sets give the same bits.
"""

from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport int8_t
from libc.string cimport memset

from cnn_core.kernel_tables cimport LowPrecisionKernels
from cnn_core.kernels.vec cimport (
    LANES, PREFETCH, flush_subnormals, fp_state, ivec, real, restore_fp, v_high, v_load, v_low, v_rounded, v_set1,
    v_store, vec)
from cnn_core.low_precision.operations cimport (
    NO_ROW, PANELS, PANELS_OF_ONE, PARTS, ROWS, TILES, dot_bfloat16, dot_int8, store_quantized, t_configure, t_dot,
    t_load, t_release, t_store, t_zero, v_load_first, w_first, w_load, w_pairs, w_real, w_row, w_second, w_set1,
    w_store, w_to_real, w_zero)

include "conversions.pyx"
include "products.pyx"
include "tiles.pyx"

cdef LowPrecisionKernels exports
exports.round_rows, exports.round_columns = round_rows, round_columns
exports.pack, exports.pack_transposed = pack, pack_transposed
exports.multiply = multiply
exports.quantize_rows, exports.pack_int8, exports.multiply_int8 = quantize_rows, pack_int8, multiply_int8
kernels = PyCapsule_New(&exports, "cnn_core.LowPrecisionKernels", NULL)
