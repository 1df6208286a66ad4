"""All kernels, for one instruction set and one type of real: one module made of the files included here.

Each file is a concept. It cimports the formulas it uses; of functions it uses only those of files included above it,
which its head names, and of `partition.pxd`. Compiled apart, the files would each carry the machinery that Cython puts
into a module, and those that multiply a table of tiles: a fifth of the wheel.
"""

from cpython.pycapsule cimport PyCapsule_New

from cnn_core.kernel_tables cimport DenseKernels, ArrayKernels
from cnn_core.types cimport loss_fn, step_fn

include "products.pyx"
include "gemm_packing.pyx"
include "partial_sums.pyx"
include "dense.pyx"
include "mixed_precision.pyx"
include "gemm.pyx"
include "large.pyx"
include "norms.pyx"
include "epilogue.pyx"
include "updates.pyx"
include "phases.pyx"
include "passes.pyx"
include "prediction.pyx"
include "tapes.pyx"
include "lanes.pyx"
include "bundles.pyx"
include "together.pyx"
include "shared_weights.pyx"
include "losses.pyx"
include "optimizers.pyx"
include "elementwise.pyx"
include "probes.pyx"

cdef DenseKernels dense_exports
dense_exports.forward, dense_exports.gather = forward, gather_for_forward
dense_exports.forward_units, dense_exports.copy_narrow = forward_units, copy_narrow
dense_exports.run = run_passes
dense_exports.record, dense_exports.play_back, dense_exports.apply_gradient = record, play_back, apply_gradient
dense_exports.drop_rows = drop_rows
dense_exports.together = run_together
dense_exports.share_weights = run_shared
dense_exports.bundle_lanes, dense_exports.bundle_size = bundle_lanes, bundle_size
dense_exports.penalty = penalty
dense_exports.add_outer = add_outer
dense = PyCapsule_New(&dense_exports, "cnn_core.DenseKernels", NULL)

cdef loss_fn loss_export = batch_loss
losses = PyCapsule_New(<void *>loss_export, "cnn_core.loss_fn", NULL)

cdef step_fn step_export = optimizer_step
optimizers = PyCapsule_New(<void *>step_export, "cnn_core.step_fn", NULL)

cdef ArrayKernels array_exports
array_exports.workspace_size = workspace_size
array_exports.gemm = gemm
array_exports.activate = activate
array_exports.derive = derive
array_exports.derive_from_inputs = derive_from_inputs
array_exports.softmax = softmax
array_exports.dot = dot
array_exports.multiply_add = multiply_add
array_exports.read_memory = read_memory
array_kernels = PyCapsule_New(&array_exports, "cnn_core.ArrayKernels", NULL)
