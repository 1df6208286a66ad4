"""Optional object ``members`` of file format 4: the networks of an ensemble.

    networks     parameters of all networks from which the ensemble was created, as the field "network" of the document
    kept         networks that predict, as {"place": ..., "weight": ..., "temperature": ..., "best_epoch": ...}: index
                 among `networks`, weight in the mean, number by which the logits are divided, epoch of the weights
    combine      "mean" or "greedy"
    calibrated   true or false
    seed         seed of the order of the rows, or null

The layers of the i-th network of `kept` are tensors whose names begin with ``members.i.``. The other fields of the
document, and the tensors of the scaling, are those of all networks; "temperature" is that of the mean. "network" is the
first one of `networks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..artefact.ensemble_parts import EnsembleParts, StoredMember
from ..spec.configuration import PARAMETERS, Configuration, from_config, to_config
from ..spec.members import check_equal
from ..training.ensemble_plan import COMBINATIONS
from . import stored_ranges
from .safetensors_file import expected_states, layer_tensors
from .schemas import array, choice, fail, flag, integer, real, record

if TYPE_CHECKING:
    from ..artefact.narrowing import Ranges
    from ..data.arrays import Array

MOST_LAYERS = 8192  # of all networks together
_PREFIX = "members."
_SUM = 1e-6  # largest difference of the sum of the weights from 1


def _seed(path: str, value: Any) -> int | None:
    seed: int | None = PARAMETERS["seed"][1](path, value)
    return seed


_KEPT = record(
    {
        "place": integer(),
        "weight": real(minimum=0),
        "temperature": real(above=0),
        "best_epoch": integer(),
    }
)
_SCHEMA = record(
    {
        "networks": array(lambda _, value: from_config(value), 1, MOST_LAYERS),
        "kept": array(_KEPT, 1, MOST_LAYERS),
        "combine": choice(COMBINATIONS),
        "calibrated": flag,
        "seed": _seed,
    }
)


class Members(NamedTuple):
    """Networks of an ensemble, as a document describes them."""

    networks: tuple[Configuration, ...]
    kept: tuple[dict[str, Any], ...]
    combine: str
    calibrated: bool
    seed: int | None

    def expected(self, n_inputs: int, *, is_quantized: bool) -> dict[str, tuple[str, list[int]]]:
        """Return the dtypes and shapes of the tensors of the layers, by name; if quantised, those of ranges too."""
        expected: dict[str, tuple[str, list[int]]] = {}
        for i, each in enumerate(self.kept):
            c = self.networks[each["place"]]
            expected |= expected_states(c.layers, n_inputs, c.dtype, prefix_of(i))
            if is_quantized:
                expected |= stored_ranges.expected(c, n_inputs, prefix_of(i))
        return expected


def prefix_of(i: int) -> str:
    """Return the start of the names of the tensors of a network of `kept`."""
    return f"{_PREFIX}{i}."


def content(parts: EnsembleParts) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the tensors of the layers, and the object ``members``.

    Raises
    ------
    ValueError
        If there are more layers than files may have.
    """
    n_layers = sum(len(network.layers) for network in parts.networks)
    if n_layers > MOST_LAYERS:
        raise ValueError(
            f"The networks of the ensemble have {n_layers} layers; a file has at most {MOST_LAYERS}."
        )
    tensors: dict[str, Array] = {}
    for i, member in enumerate(parts.members):
        tensors |= layer_tensors(member.layers, prefix_of(i))
        if member.ranges is not None:
            tensors |= stored_ranges.tensors(member.ranges, prefix_of(i))
    config = {
        "networks": [to_config(network) for network in parts.networks],
        "kept": [
            {
                "place": member.place,
                "weight": member.weight,
                "temperature": member.temperature,
                "best_epoch": member.best_epoch,
            }
            for member in parts.members
        ],
        "combine": parts.combine,
        "calibrated": parts.calibrated,
        "seed": parts.seed,
    }
    return tensors, config


def parse(config: Any, first: Any) -> Members:
    """Return the object ``members`` from its JSON value; `first` is the field "network".

    Raises
    ------
    ValueError
        If it is not valid.
    """
    fields = _SCHEMA("members", config)
    networks, kept = tuple(fields["networks"]), tuple(fields["kept"])
    n_layers = sum(len(network.layers) for network in networks)
    if n_layers > MOST_LAYERS:
        raise ValueError(f"its networks have {n_layers} layers; at most {MOST_LAYERS} are allowed")
    if config["networks"][0] != first:
        raise ValueError("network is not the first one of members.networks")
    check_equal(networks)
    places = [each["place"] for each in kept]
    if places != sorted(set(places)) or places[-1] >= len(networks):
        fail(
            "the places of members.kept",
            places,
            f"different numbers below {len(networks)} in increasing order",
        )
    total = sum(each["weight"] for each in kept)
    if not abs(total - 1) <= _SUM:
        fail("the sum of the weights of members.kept", total, "1")
    return Members(networks, kept, fields["combine"], fields["calibrated"], fields["seed"])


def stored(
    members: Members, layers: Sequence[Any], ranges: Sequence[Ranges | None]
) -> tuple[StoredMember, ...]:
    """Return the networks that predict, with the states of their layers and the ranges of quantised ones."""
    return tuple(
        StoredMember(members.networks[each["place"]], states, **each, ranges=found)
        for each, states, found in zip(members.kept, layers, ranges, strict=True)
    )
