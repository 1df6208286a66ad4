"""Network files: the weights as tensors of a safetensors file, everything else as one JSON document.

The tensors have the dtype of the network and are named as in a sequence of fully connected layers in other libraries:
``layers.0.weight`` (units, inputs) and ``layers.0.bias`` (units,). The metadata have one key, ``compiled_nn``:

    format_version    1; 2 for a network with standardize=True; 3 for a network with options that version 0.1.0 did not
                      have; 4 for one with any of the objects inputs, outputs, metadata, members, mapped and
                      quantization, with standardize="robust_smooth_clip" or "standard_smooth_clip", with column_types,
                      numeric_embeddings or precision, or with an encoder of dates or with columns that are left out
    library_version   version of compiled_nn that wrote the file
    network           layers, loss, optimizer, l1, l2, input_scale, dtype, seed; in format 2 also standardize, from
                      format 3 on also the other parameters that are not None or False
    n_features        number of columns of the first layer, without bins
    targets           "classes", "indicator" or "values"; null if the network was not fitted on y
    classes           {"dtype": ..., "values": [...]} or null
    temperature       from format 3 on: number by which logits are divided
    encoder           with categorical_features: columns of the encoder, see preprocessing/columns.py, or null
    inputs, outputs, metadata    format 4: optional objects, see files/extras.py
    members           format 4: networks of an ensemble, see files/members.py and files/ensemble_file.py
    mapped            format 4: hashes of tensors for mapping, see files/mapped.py
    quantization      format 4: precision of a quantised model, see files/stored_ranges.py

A normalised layer also has ``layers.0.norm.weight`` (units,), and for "batch" ``layers.0.norm.running_mean`` and
``layers.0.norm.running_var``. With standardize, there are ``standardization.mean`` and ``standardization.scale``
(n_features,) in float64, unless the network was not fitted on X. The same holds for scale_targets, with
``targets.mean`` and ``targets.scale``, a number per column of y. With numeric_embeddings, ``bins.edges`` has the edges
of all bins in float64, column after column; their number follows from ``inputs.bins``. ``calibration.scores`` (m, n) in
float64 is optional.
``loss`` is a name if all its parameters have their defaults; from format 3 on it may be ``{"name": ..., parameters}``.

Initial weights given as arrays are not in the file: "init" of the layer is ``{"name": "array"}``. The file has no state
of training, unless :mod:`compiled_nn.files.checkpoint_file` wrote it, with additional tensors and a second key. Reading
a file executes no code, and uses memory in proportion to the size of the file. An error in the content is a ValueError
that names the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..artefact.inputs import Inputs
from ..artefact.outputs import Outputs
from ..artefact.parts import Parts
from ..common import checks
from ..data import arrays
from ..preprocessing.standardization import Statistics
from ..spec.configuration import CLIPPING, Configuration, from_config, to_config
from ..training.targets import KINDS, restored_targets
from ..uncertainty.calibration import NOTHING, Calibration
from . import extras, mapped, recorded, stored_bins, stored_classes, stored_ranges, stored_seen
from .documents import parse_json
from .safetensors_file import (
    check_tensors,
    expected_states,
    layer_tensors,
    write_tensors,
)
from .stored_layers import StoredLayers

if TYPE_CHECKING:
    from ..training.weights import LayerState
    from .members import Members
    from .places import Writable

FORMAT_VERSION = 4
_WITH_TEMPERATURE = 3  # first format with the field "temperature"
KEY = "compiled_nn"
TRAINING = "training."  # prefix of the tensors that a network that only predicts does not need
ESTIMATOR = "compiled_nn_estimator"  # key of the metadata of an estimator, and prefix of its tensors
ESTIMATOR_TENSORS = f"{TRAINING}estimator."
RUN_TENSORS = f"{TRAINING}run."  # prefix of the tensors of a call of fit that is continued
_DOCUMENT = (
    "format_version",
    "library_version",
    "network",
    "n_features",
    "targets",
    "classes",
)
# Parameters and values of formats 1 and 2.
_FIRST_FIELDS = {
    "layers",
    "loss",
    "optimizer",
    "l1",
    "l2",
    "input_scale",
    "dtype",
    "seed",
}
_FIRST_LAYER = {"units", "activation", "bias", "init"}
_FIRST_ACTIVATIONS = (None, "identity", "relu", "sigmoid", "tanh", "softmax")
_FIRST_OPTIMIZER = {
    "name",
    "learning_rate",
    "momentum",
    "nesterov",
    "beta_1",
    "beta_2",
    "epsilon",
    "weight_decay",
}
_FIRST_LOSSES = ("binary_cross_entropy", "softmax_cross_entropy", "mse")
_LATER = frozenset({"column_types", "numeric_embeddings", "precision"})  # parameters of format 4
_SCORES = "calibration.scores"
_STATISTICS = ("standardization.mean", "standardization.scale")
_TARGETS = ("targets.mean", "targets.scale")
# ---- writing


def write(path: Writable, parts: Parts, library_version: str) -> None:
    """Write a network; documented in :meth:`compiled_nn.Network.save`."""
    tensors, document = make_content(parts, library_version)
    write_tensors(path, tensors, {KEY: document, **recorded.documents(document, tensors, parts)})


def make_content(parts: Parts, library_version: str) -> tuple[dict[str, arrays.Array], dict[str, Any]]:
    """Return the tensors and the JSON document of the file of a network."""
    calibration, learned, encoder = parts.outputs.calibration, parts.outputs.learned, parts.inputs.encoder
    objects = extras.extras(parts)
    columns = None if encoder is None else encoder.to_config()
    version = _version_for(parts.configuration, calibration.known, bool(objects) or _has_later(columns))
    document: dict[str, Any] = {
        "format_version": version,
        "library_version": library_version,
        "network": to_config(parts.configuration),
        "n_features": parts.inputs.n_columns,
        "targets": None if learned is None else learned.kind,
        "classes": stored_classes.to_config(None if learned is None else learned.classes),
    }
    if version >= _WITH_TEMPERATURE:
        document["temperature"] = calibration.temperature
    if parts.configuration.categorical_features is not None:
        document["encoder"] = columns
    document |= objects
    tensors = layer_tensors(parts.layers)
    if parts.statistics is not None:
        tensors |= dict(zip(_STATISTICS, parts.statistics, strict=True))
    if parts.outputs.scaling is not None:
        tensors |= dict(zip(_TARGETS, parts.outputs.scaling, strict=True))
    tensors |= stored_bins.tensors(parts.inputs.bins)
    if calibration.scores is not None:
        tensors[_SCORES] = calibration.scores
    for ranges in parts.ranges:
        tensors |= stored_ranges.tensors(ranges)
    return tensors | parts.arenas, document


def _version_for(configuration: Configuration, calibrated: bool, extended: bool) -> int:
    """Return the oldest format that can describe the network, so that older versions can read the file."""
    config = to_config(configuration)
    is_later = not _LATER.isdisjoint(config)
    if extended or config.get("standardize") in CLIPPING or is_later:
        return FORMAT_VERSION
    standardize = config.pop("standardize", False)
    if calibrated or not _is_of_first_formats(config) or standardize not in (False, True):
        return 3
    return 2 if standardize else 1


def _has_later(columns: object) -> bool:
    """Whether a column of an encoder, in its JSON form, needs format 4."""
    if not isinstance(columns, list):
        return False
    from ..preprocessing.columns import is_later  # imported here because most networks have no encoder

    return any(map(is_later, columns))


def _is_of_first_formats(config: dict[str, Any]) -> bool:
    """Return whether formats 1 and 2 can describe a configuration, which is given without "standardize"."""
    optimizer = config["optimizer"]
    return (
        config.keys() <= _FIRST_FIELDS
        and all(
            layer.keys() <= _FIRST_LAYER
            and layer["activation"] in _FIRST_ACTIVATIONS
            and not _is_later_init(layer["init"])
            for layer in config["layers"]
        )
        and config["loss"] in _FIRST_LOSSES
        and optimizer["name"] in ("sgd", "adam", "adamw")
        and optimizer.keys() <= _FIRST_OPTIMIZER
        and not isinstance(optimizer["learning_rate"], dict)
    )


def _is_later_init(init: Any) -> bool:
    """Whether an initialiser, in its JSON form, needs format 3."""
    return init == "ones" or (isinstance(init, dict) and init["name"] in ("constant", "pair"))


# ---- reading


class Description(NamedTuple):
    """Content of the file of a network without the weights.

    Attributes
    ----------
    document : dict
        Document of the file.
    configuration : Configuration
        Parameters of the network.
    inputs : Inputs
        Description of the inputs.
    outputs : Outputs
        Description of the outputs.
    members : Members or None
        Networks of an ensemble; None in the file of one network.
    card : dict
        Record that each file contains, see files/recorded.py; empty in the file of an earlier version.
    """

    document: dict[str, Any]
    configuration: Configuration
    inputs: Inputs
    outputs: Outputs
    members: Members | None
    card: dict[str, Any]


def describe(file: Any) -> Description:
    """Return the description of a network in a file opened by :func:`open_tensors`; no weights are read.

    Raises
    ------
    ValueError
        If it is not that of a valid network, or the names, shapes or dtypes of the tensors do not match it.
    """
    document = _document((file.metadata() or {}).get(KEY), file.n_bytes)
    configuration = from_config(document["network"])
    extended = bool(extras.given(document)) or _has_later(document.get("encoder"))
    version = _version_for(configuration, "temperature" in document, extended)
    if document["format_version"] != version:
        raise ValueError(
            f"it has format version {document['format_version']}; a network with these parameters has {version}"
        )
    kind = document["targets"]
    if kind is not None:
        checks.choice("the file", "targets", kind, KINDS)
    n_columns = checks.integer("the file", "n_features", document["n_features"], minimum=1)
    counts = stored_bins.read_counts(extras.bins(document), configuration, n_columns)
    members = None if "members" not in document else _members(document)
    _check_tensors(file, configuration, n_columns, counts, document, members)
    classes = stored_classes.read(document["classes"], file.n_bytes)
    scaling, learned = _statistics(file, _TARGETS), None
    if kind is not None or classes is not None:
        learned = restored_targets(configuration, kind, classes, scaling)
    encoder = None
    if document.get("encoder") is not None:
        encoder = configuration.new_encoder().restore(document["encoder"], n_columns)
    if encoder is not None or configuration.periodic is not None:
        embedded = configuration.embedded(encoder, sum(counts or ()), n_columns)
        if embedded.layers[0].blocks != configuration.layers[0].blocks:
            raise ValueError("blocks of the first layer do not match the encoding of the columns")
    inputs = Inputs.of(
        configuration,
        n_columns,
        encoder,
        bins=stored_bins.read(file, configuration, counts),
        **extras.read_inputs(document, n_columns),
    )
    card = recorded.read(file)
    return Description(
        document,
        configuration,
        stored_seen.read(card.get("seen"), inputs),
        Outputs.of(configuration, extras.read_outputs(document, learned)).replace(
            calibration=_calibration(file, document)
        ),
        members,
        card,
    )


def parse_network(file: Any) -> Parts:
    """Return the parts of the network in a file opened by :func:`open_tensors`, as :func:`parts_of`.

    Raises
    ------
    ValueError
        If it is not that of a valid network, or that of an ensemble.
    """
    return parts_of_network(file, describe(file))


def parts_of_network(file: Any, described: Description) -> Parts:
    """Return the parts of the network in an opened file, as :func:`parts_of`; a ValueError for an ensemble."""
    if described.members is not None:
        raise ValueError("it holds an ensemble of networks; read it with compiled_nn.load")
    return parts_of(file, described)


def parts_of(file: Any, described: Description) -> Parts:
    """Return the parts of the network in an opened file.

    The file must be open while the layers of the parts are used: each of them is read and checked then.
    """
    configuration = described.configuration
    layers = StoredLayers(file, configuration.layers)
    check_embeddings(configuration, layers)
    metadata = extras.read_metadata(described.document)
    return Parts(
        configuration,
        layers,
        statistics_of(file),
        described.inputs,
        described.outputs,
        metadata,
        described.card.get("training", {}),
        mapped.read(file, described.document.get("mapped", {})),
        (stored_ranges.read(file),) if stored_ranges.NAME in described.document else (),
    )


def statistics_of(file: Any) -> Statistics | None:
    """Return the centre and the scale of each column in an opened file; None if it has none."""
    return _statistics(file, _STATISTICS)


def check_embeddings(configuration: Configuration, layers: Sequence[LayerState], prefix: str = "") -> None:
    """Raise a ValueError if weights of an embedding layer that are fixed have other values than 0 and 1."""
    blocks = configuration.layers[0].blocks
    if blocks is not None:
        from ..spec import embeddings  # imported here because most networks have no embeddings

        embeddings.check_held(blocks, layers[0]["weight"], f"{prefix}layers.0.weight")


def _document(text: str | None, n_bytes: int) -> dict[str, Any]:
    if text is None:
        raise ValueError("it is a safetensors file without the metadata of compiled_nn")
    document = parse_json(text, n_bytes)
    version = document.get("format_version") if isinstance(document, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise ValueError(
            f"it has format version {version}; this compiled_nn reads versions up to {FORMAT_VERSION}. Upgrade it"
        )
    network = document.get("network") if isinstance(document, dict) else None
    names = list(_DOCUMENT)
    if isinstance(version, int) and version >= _WITH_TEMPERATURE:
        names.append("temperature")
    if isinstance(network, dict) and "categorical_features" in network:
        names.append("encoder")
    fields = checks.fields("the document", document, names, extras.NAMES if version == FORMAT_VERSION else ())
    if type(version) is not int or version < 1:
        raise ValueError(f"it has format version {version!r}; expected an int from 1 to {FORMAT_VERSION}")
    if not isinstance(fields["library_version"], str):
        raise ValueError(f"library_version is {fields['library_version']!r}; expected a str")
    return fields


def _members(document: dict[str, Any]) -> Members:
    from . import members  # imported here to keep loading a network fast

    return members.parse(document["members"], document["network"])


def _check_tensors(
    file: Any,
    configuration: Configuration,
    n_features: int,
    counts: list[int] | None,
    document: dict[str, Any],
    members: Members | None,
) -> None:
    """Check names, shapes and dtypes of the tensors against the configuration, before any of them is read."""
    n_inputs = n_features + sum(counts or ())
    is_quantized = stored_ranges.read_config(document, configuration)
    if members is None:
        expected = expected_states(configuration.layers, n_inputs, configuration.dtype)
        if is_quantized:
            expected |= stored_ranges.expected(configuration, n_inputs)
    else:
        expected = members.expected(n_inputs, is_quantized=is_quantized)
    expected |= stored_bins.expected(counts)
    found = {name for name in file.keys() if not name.startswith(TRAINING)}  # noqa: SIM118 - not a mapping
    if "mapped" in document:
        expected |= mapped.expected(file, document["mapped"], configuration.dtype)
    if "temperature" in document and _SCORES in found:
        loss = configuration.loss
        n_scores = 1 if loss.classifies else loss.n_columns(configuration.n_outputs)
        expected[_SCORES] = "F64", [*file.get_slice(_SCORES).get_shape()[:1], n_scores]
    if configuration.standardize and found.intersection(_STATISTICS):
        expected |= dict.fromkeys(_STATISTICS, ("F64", [n_features]))
    if configuration.scale_targets and found.intersection(_TARGETS):
        expected |= dict.fromkeys(_TARGETS, ("F64", [configuration.loss.n_columns(configuration.n_outputs)]))
    check_tensors(file, found, expected)


def _statistics(file: Any, names: tuple[str, str]) -> Statistics | None:
    if names[0] not in file.keys():  # noqa: SIM118 - not a mapping
        return None
    return Statistics(*map(file.get_tensor, names))


def _calibration(file: Any, document: dict[str, Any]) -> Calibration:
    if "temperature" not in document:
        return NOTHING
    temperature = checks.real("the file", "temperature", document["temperature"], above=0)
    if _SCORES not in file.keys():  # noqa: SIM118 - not a mapping
        return Calibration(temperature)
    return Calibration(
        temperature, arrays.weights(file.get_tensor(_SCORES), _SCORES, dtype="float64", ndim=2)
    )
