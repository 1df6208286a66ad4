"""Workloads of ``compiled-nn bench``, for the programs of this folder, and the series of growth.py.

The module is loaded from its file, because compiled-nn is not installed in the environments of the peers.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_FILE = Path(__file__).resolve().parents[1] / "python" / "compiled_nn" / "cli" / "support" / "workloads.py"
_spec = spec_from_file_location("compiled_nn_workloads", _FILE)
assert _spec is not None
assert _spec.loader is not None
_module = module_from_spec(_spec)
sys.modules[_spec.name] = _module
_spec.loader.exec_module(_module)

ITEMSIZE, WORKLOADS, Workload, limit = (
    _module.ITEMSIZE,
    _module.WORKLOADS,
    _module.Workload,
    _module.limit,
)

ROWS = (1, 4, 16, 64, 256, 1024, 4096)
BATCHES = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
WIDTHS = (16, 32, 64, 128, 256, 512, 1024, 2048)
DEPTHS = (1, 2, 4, 8, 16)


def training_workload(name: str, sizes: tuple[int, ...], batch: int) -> Workload:
    """Return a workload of training with Adam: 8 steps per epoch, or as many as make 2,048 rows.

    Parameters
    ----------
    name : str
        Name of the workload.
    sizes : tuple of int
        Number of inputs, then the units of each layer.
    batch : int
        Rows per step.

    Returns
    -------
    Workload
    """
    return Workload(name, "training", sizes, "relu", max(8 * batch, 2048), batch, "adam", 1e-3)


# Workloads in which one size grows, by the name of that size: the size and its workload.
SERIES = {
    "rows": [(n, Workload(f"rows-{n}", "inference", (784, 128, 10), "relu", n)) for n in ROWS],
    "batch": [(n, training_workload(f"batch-{n}", (256, 256, 256, 10), n)) for n in BATCHES],
    "width": [(n, training_workload(f"width-{n}", (n, n, n, n), 128)) for n in WIDTHS],
    "depth": [(n, training_workload(f"depth-{n}", (128,) * (n + 1) + (10,), 128)) for n in DEPTHS],
}
_OF_SERIES = {workload.name: workload for series in SERIES.values() for _, workload in series}


def find(name: str) -> Workload:
    """Return a workload of `WORKLOADS` or of `SERIES` by its name."""
    return WORKLOADS[name] if name in WORKLOADS else _OF_SERIES[name]
