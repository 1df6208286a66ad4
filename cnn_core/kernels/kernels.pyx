"""All kernels, for one instruction set and one type of real: one module made of the files included here.

Each file is a concept. It cimports the formulas it uses; of functions it uses only those of files included above it,
which its head names, and of `partition.pxd`. Compiled apart, the files would each carry the machinery that Cython puts
into a module, and those that multiply a table of tiles: a fifth of the wheel.
"""

from cpython.pycapsule cimport PyCapsule_New

from cnn_core.kernel_tables cimport DenseKernels, Operations
from cnn_core.types cimport loss_fn, step_fn

include "dense.pyx"
include "gemm_packing.pyx"
include "gemm.pyx"
include "norms.pyx"
include "epilogue.pyx"
include "updates.pyx"
include "passes.pyx"
include "losses.pyx"
include "optimizers.pyx"
include "elementwise.pyx"
include "probes.pyx"

cdef DenseKernels dense_exports
dense_exports.forward = forward
dense_exports.run = run_passes
dense_exports.penalty = penalty
dense_exports.add_outer = add_outer
dense = PyCapsule_New(&dense_exports, "cnn_core.DenseKernels", NULL)

cdef loss_fn loss_export = batch_loss
losses = PyCapsule_New(<void *>loss_export, "cnn_core.loss_fn", NULL)

cdef step_fn step_export = optimizer_step
optimizers = PyCapsule_New(<void *>step_export, "cnn_core.step_fn", NULL)

cdef Operations operation_exports
operation_exports.work = work
operation_exports.gemm = gemm
operation_exports.activate = activate
operation_exports.derive = derive
operation_exports.derive_from_inputs = derive_from_inputs
operation_exports.softmax = softmax
operation_exports.multiply_add = multiply_add
operation_exports.read = read
operations = PyCapsule_New(&operation_exports, "cnn_core.Operations", NULL)
