"""Seed of a call of fit that another process may continue: of ``random_state=None``, the one that is in the file."""

from __future__ import annotations

import os
from typing import Any

from ..callbacks.checkpoint import Checkpoint


def for_fit(model: Any, *, continues: bool, partial: bool = False) -> Any:
    """Return the seed of a call of fit: `random_state`, or that of a checkpoint with ``resume=True`` where it is None.

    Raises
    ------
    ValueError
        If the call cannot be continued from a checkpoint, or the file is not valid.
    """
    given = model.callbacks if isinstance(model.callbacks, (list, tuple)) else ()  # others are refused later
    found = [each for each in given if isinstance(each, Checkpoint) and each.resume]
    if not found:
        return model.random_state
    if partial:
        raise ValueError(
            "partial_fit trains for one pass and cannot be continued by Checkpoint(resume=True). Leave out resume=True."
        )
    if continues:
        raise ValueError(
            "Checkpoint(resume=True) repeats a call of fit that starts from the initial weights, but this one continues"
            " from the fitted ones (warm_start=True). Leave out one of them."
        )
    if model.random_state is not None:
        return model.random_state
    checkpoint = found[0]
    checkpoint.seed = _stored(checkpoint.path) if os.path.exists(checkpoint.path) else None
    if checkpoint.seed is None:
        checkpoint.seed = int.from_bytes(os.urandom(4), "little")
    return checkpoint.seed


def _stored(path: str) -> int | None:
    from ..files import run_file  # imported here to keep `import compiled_nn` fast
    from ..files.safetensors_file import open_tensors

    with open_tensors(path) as file:
        return run_file.seed(file)
