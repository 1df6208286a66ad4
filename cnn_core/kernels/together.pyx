"""Passes of several runs over the same rows: for one instruction set and one type of real.

(a) Rows are gathered once for a group of batches. Then each run takes all its steps of the group: its weights and
    moments stay in the cache for several steps, and the gathered rows for all runs.
(b) Runs are divided among the threads, which have no barrier. Every run is computed by one thread, with the bits of
    `run_passes`.
"""

from cnn_core.kernels.vec cimport flush_subnormals, fp_state, real, restore_fp
from cnn_core.types cimport Run, Team
# from dense.pyx: gather_rows
# from passes.pyx: run_passes
# from lanes.pyx: close_bundle, open_bundle
# from bundles.pyx: bundle_steps


cdef void run_part(Team *team, int part, char *inputs) noexcept nogil:
    """The steps of the runs of one part."""
    cdef const Run *run = team.rows
    cdef bint in_place = run.x.direct and run.order == NULL
    cdef Py_ssize_t at = team.first, end = team.first + team.count, m
    cdef int i
    for i in range(team.first_bundles[part], team.first_bundles[part + 1]):
        open_bundle(&team.bundles[i])
    while at < end:
        m = min(team.group, end - at)
        if not in_place:
            gather_rows(&run.x, run.order, at, m, <real *>inputs, run.net.layers[0].ldt)
        for i in range(team.first_bundles[part], team.first_bundles[part + 1]):
            bundle_steps(&team.bundles[i], at, m, NULL if in_place else <const real *>inputs)
        for i in range(team.starts[part], team.starts[part + 1]):
            take_group(team.runs[i], at, m, NULL if in_place else inputs)
        at += m
    for i in range(team.first_bundles[part], team.first_bundles[part + 1]):
        close_bundle(&team.bundles[i])


cdef void take_group(Run *run, Py_ssize_t at, Py_ssize_t m, const void *gathered) noexcept nogil:
    """The steps of one run for the m rows of a group."""
    run.first, run.count = at, m
    run.gathered, run.gathered_first = gathered, at
    run_passes(run, 0, 1)
    run.rates += (m + run.batch - 1) // run.batch


cdef void run_together(Team *team, int rank, int size) noexcept nogil:
    """One thread's parts of the passes: `DenseKernels.together`."""
    cdef fp_state saved = flush_subnormals()
    cdef int part = rank
    while part < team.parts:
        run_part(team, part, team.inputs + part*team.inputs_size)
        part += size
    restore_fp(saved)
