"""Workloads of ``compiled-nn bench``, for the programs of this folder.

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
