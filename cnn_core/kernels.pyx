"""All kernels, for one instruction set and one type of real: one module of nine files.

Each file is a concept and reads by itself. Compiled apart they would each carry the machinery that Cython puts into a
module, and those that multiply a table of tiles: a fifth of the wheel.
"""

include "dense.pyx"
include "norms.pyx"
include "blocks.pyx"
include "passes.pyx"
include "updates.pyx"
include "losses.pyx"
include "optimizers.pyx"
include "operations.pyx"
include "elementwise.pyx"
