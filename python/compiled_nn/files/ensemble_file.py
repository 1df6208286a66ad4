"""Files of ensembles: a network file with the object ``members``, and with the layers of several networks.

The document is that of :mod:`compiled_nn.files.network_file`; :mod:`compiled_nn.files.members` describes the object.
The file does not contain the state of training, the histories and the out-of-fold predictions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..artefact.ensemble_parts import EnsembleParts
from ..artefact.parts import Parts
from . import extras, mapped, members, network_file, recorded, stored_ranges
from .safetensors_file import write_tensors
from .stored_layers import StoredLayers

if TYPE_CHECKING:
    from ..data.arrays import Array
    from .network_file import Description
    from .places import Writable


def write(path: Writable, parts: EnsembleParts, library_version: str) -> None:
    """Write an ensemble; documented in :meth:`compiled_nn.Ensemble.save`."""
    tensors, document = make_content(parts, library_version)
    card = recorded.documents(document, tensors, parts)
    write_tensors(path, tensors, {network_file.KEY: document, **card})


def make_content(parts: EnsembleParts, library_version: str) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the tensors and the JSON document of the file of an ensemble."""
    common = Parts(
        parts.networks[0],
        (),
        parts.statistics,
        parts.inputs,
        parts.outputs,
        parts.metadata,
        parts.training,
        parts.arenas,
    )
    is_quantized = parts.members[0].ranges is not None
    tensors, document = network_file.make_content(common, library_version)
    layers, config = members.content(parts)
    temperature = {"temperature": parts.outputs.calibration.temperature}
    document |= {"format_version": network_file.FORMAT_VERSION, **temperature, "members": config}
    if is_quantized:
        document[stored_ranges.NAME] = stored_ranges.to_config(is_quantized)
    return tensors | layers, document


def parts_of(file: Any, described: Description) -> EnsembleParts:
    """Return the parts of the ensemble in an opened file, as ``network_file.parts_of`` does for one network."""
    inputs, of_members, layers = described.inputs, described.members, []
    assert of_members is not None
    for i, each in enumerate(of_members.kept):
        c, prefix = of_members.networks[each["place"]], members.prefix_of(i)
        states = StoredLayers(file, c.layers, prefix)
        network_file.check_embeddings(c, states, prefix)
        embedded = inputs.embedded(c)
        if embedded.layers[0].blocks != c.layers[0].blocks:
            raise ValueError(
                f"blocks of the first layer of network {each['place']} do not match the columns of the encoder"
            )
        layers.append(states)
    is_quantized = stored_ranges.NAME in described.document
    ranges = [
        stored_ranges.read(file, members.prefix_of(i)) if is_quantized else None
        for i in range(len(of_members.kept))
    ]
    return EnsembleParts(
        of_members.networks,
        members.stored(of_members, layers, ranges),
        of_members.combine,
        of_members.calibrated,
        of_members.seed,
        network_file.statistics_of(file),
        inputs,
        described.outputs,
        extras.read_metadata(described.document),
        described.card.get("training", {}),
        mapped.read(file, described.document.get("mapped", {})),
    )
