"""Parameters that the networks of an ensemble have in common: those that describe the inputs and the outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .configuration import PARAMETERS, Configuration

# Parameters of Network that may differ between members.
_OWN = {
    *("optimizer", "l1", "l2", "seed", "input_dropout", "embeddings", "clip_norm", "clip_value", "ema"),
    "proximal",
}


def check_equal(configurations: Sequence[Configuration]) -> None:
    """Check that networks can be members of one ensemble.

    Raises
    ------
    ValueError
        If their inputs or outputs differ, or a network is not trained by steps on batches.
    """
    first = shared(configurations[0])
    for i, configuration in enumerate(configurations):
        if configuration.optimizer.name == "lbfgs":
            raise ValueError(
                f"Member {i} has the optimizer LBFGS, which uses all rows in each step; the members of an ensemble are"
                " trained by steps on the same batches. Use another optimizer, such as AdamW."
            )
        for name, value in shared(configuration).items():
            if value != first[name]:
                raise ValueError(
                    f"Member {i} has {name}={value!r}, member 0 has {first[name]!r}; the inputs and the outputs of all"
                    " members must be equal."
                )


def shared(configuration: Configuration) -> dict[str, Any]:
    """Return the parameters that all members must have in common, by name."""
    shared = {name: getattr(configuration, name) for name in PARAMETERS if name not in _OWN}
    return shared | {
        "loss": configuration.loss.unsmoothed,
        "units of the last layer": configuration.n_outputs,
        "activation of the last layer": configuration.activation_names[-1],
    }
