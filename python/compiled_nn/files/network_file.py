"""A network as a safetensors file: weights as tensors, all the rest as one JSON text.

Tensors are named as in a sequence of fully connected layers elsewhere: ``layers.0.weight`` (units, inputs)
and ``layers.0.bias`` (units,), in the network's dtype. The metadata hold one key, ``compiled_nn``:

    format_version    1; 2 for a network that standardises; 3 for one that has more than version 0.1.0 knew
    library_version   that wrote the file
    network           layers, loss, optimizer, l1, l2, input_scale, dtype, seed; from format 2 on standardize,
                      from 3 on what else is asked for
    n_features        columns of X
    targets           "classes", "indicator", "values"; or null when the network has seen no y
    classes           {"dtype": ..., "values": [...]} or null
    temperature       in format 3: what the logits are divided by
    encoder           in format 3, where a table is encoded: its columns, see columns.py; or null

A normalised layer has ``layers.0.norm.weight`` (units,), and for "batch" ``layers.0.norm.running_mean`` and
``.running_var`` too. With standardize, ``standardization.mean`` and ``standardization.scale`` (n_features,) are
float64, or both are absent when the network has seen no X. With scale_targets, so are ``targets.mean`` and
``targets.scale`` (n_outputs,). There may be ``calibration.scores`` (m, n), float64. ``loss`` is a name where all else
of it is default; in format 3 it may be ``{"name": ..., parameters}``.

Initial weights given as arrays are not in the file: "init" of the layers says ``{"name": "array"}``. A file
holds no training state, unless ``checkpoints.py`` wrote it: then there are more tensors and another key. Reading
runs no code and asks for memory in proportion to the file; whatever is wrong with the content is a ValueError that
names the file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..artefact.inputs import Inputs
from ..artefact.outputs import Outputs
from ..artefact.parts import Parts
from ..common import checks
from ..data import arrays
from ..preprocessing.standardization import Statistics
from ..spec.configuration import Configuration, from_config, to_config
from ..spec.layers import Dense, check_weights
from ..training.stacks import pairs_of, states_of
from ..training.targets import KINDS, restored_targets
from ..uncertainty.calibration import NOTHING, Calibration

if TYPE_CHECKING:
    from ..training.weights import LayerState

FORMAT_VERSION = 3
KEY = "compiled_nn"
TRAINING = "training."  # what tensors of a checkpoint begin with that a network does without
_DOCUMENT = (
    "format_version",
    "library_version",
    "network",
    "n_features",
    "targets",
    "classes",
)
_FIRST_FIELDS = {
    "layers",
    "loss",
    "optimizer",
    "l1",
    "l2",
    "input_scale",
    "dtype",
    "seed",
}  # of formats 1 and 2
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
_TENSOR_DTYPES = {"float32": "F32", "float64": "F64"}
_PARTS = ("weight", "bias", "norm.weight")  # of a layer, as optimizers move them
_NORMS = {"gain": "weight", "mean": "running_mean", "variance": "running_var"}
_SCORES = "calibration.scores"
_STATISTICS = ("standardization.mean", "standardization.scale")
_TARGETS = ("targets.mean", "targets.scale")
_CLASS_DTYPES = {
    bool: ("bool",),
    int: ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    float: ("float16", "float32", "float64"),
    str: ("str", "bytes"),
}


# ---- writing


def write(path: str | os.PathLike[str], parts: Parts, library_version: str) -> None:
    """Write a network, replacing the file of that name only when all is on the disk."""
    tensors, document = content(parts, library_version)
    write_tensors(path, tensors, {KEY: document})


def content(parts: Parts, library_version: str) -> tuple[dict[str, arrays.Array], dict[str, Any]]:
    """Return the tensors and the document of a network's file."""
    calibration, learned, encoder = parts.outputs.calibration, parts.outputs.learned, parts.inputs.encoder
    version = _version_for(parts.configuration, calibration.known)
    document: dict[str, Any] = {
        "format_version": version,
        "library_version": library_version,
        "network": to_config(parts.configuration),
        "n_features": parts.inputs.n_columns,
        "targets": None if learned is None else learned.kind,
        "classes": _classes_to_config(None if learned is None else learned.classes),
    }
    if version == FORMAT_VERSION:
        document["temperature"] = calibration.temperature
    if parts.configuration.categorical_features is not None:
        document["encoder"] = None if encoder is None else encoder.to_config()
    tensors = layer_tensors(parts.layers)
    if parts.statistics is not None:
        tensors |= dict(zip(_STATISTICS, parts.statistics, strict=True))
    if parts.outputs.scaling is not None:
        tensors |= dict(zip(_TARGETS, parts.outputs.scaling, strict=True))
    if calibration.scores is not None:
        tensors[_SCORES] = calibration.scores
    return tensors, document


def layer_tensors(layers: Iterable[LayerState], prefix: str = "") -> dict[str, arrays.Array]:
    """Return states of layers as tensors by name."""
    tensors = {}
    for i, layer in enumerate(layers):
        for name, value in layer.items():
            parts = {_NORMS[key]: each for key, each in value.items()} if name == "norm" else {name: value}
            for key, array in parts.items():
                tensor = f"norm.{key}" if name == "norm" else key
                tensors[f"{prefix}layers.{i}.{tensor}"] = np.ascontiguousarray(array.T)
    return tensors


def write_tensors(
    path: str | os.PathLike[str], tensors: dict[str, arrays.Array], documents: dict[str, Any]
) -> None:
    """Write a safetensors file with documents as JSON in its metadata, all of it or none."""
    from json import dumps

    from safetensors.numpy import save

    metadata = {key: dumps(text, separators=(",", ":"), allow_nan=False) for key, text in documents.items()}
    _replace(path, save(tensors, metadata=metadata))


def _version_for(configuration: Configuration, calibrated: bool) -> int:
    """Return the oldest format that holds the network, so that older versions read what they can."""
    config = to_config(configuration)
    standardize = config.pop("standardize", False)
    if calibrated or not _is_of_first_formats(config) or standardize not in (False, True):
        return 3
    return 2 if standardize else 1


def _is_of_first_formats(config: dict[str, Any]) -> bool:
    """Whether a configuration, "standardize" apart, has no more than formats 1 and 2 know."""
    optimizer = config["optimizer"]
    return (
        config.keys() <= _FIRST_FIELDS
        and all(
            layer.keys() <= _FIRST_LAYER and layer["activation"] in _FIRST_ACTIVATIONS
            for layer in config["layers"]
        )
        and config["loss"] in _FIRST_LOSSES
        and optimizer["name"] in ("sgd", "adam", "adamw")
        and optimizer.keys() <= _FIRST_OPTIMIZER
        and not isinstance(optimizer["learning_rate"], dict)
    )


def _replace(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` under another name in the same folder, then rename: readers see all of it or none."""
    target = os.path.realpath(path)
    temporary = f"{target}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise
    _sync_folder(os.path.dirname(target))


def _sync_folder(folder: str) -> None:
    """Make the new name itself durable, where folders can be opened (not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _classes_to_config(classes: arrays.Array | None) -> dict[str, Any] | None:
    if classes is None:
        return None
    if classes.dtype.kind == "S":
        return {"dtype": "bytes", "values": [label.decode("latin-1") for label in classes.tolist()]}
    return {"dtype": "str" if classes.dtype.kind == "U" else classes.dtype.name, "values": classes.tolist()}


# ---- reading


@contextmanager
def refusals(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn whatever is wrong with the content of a file into a ValueError that names the file."""
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{os.fsdecode(path)} is no readable network: {error}") from error


def read(path: str | os.PathLike[str]) -> Parts:
    """Read a file that :func:`write` wrote.

    Raises
    ------
    OSError
        When the file cannot be opened: FileNotFoundError when there is none.
    ValueError
        When its content is anything but a network.
    """
    with opened(path) as file:
        return parse(file)


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Open a safetensors file; what is wrong with its content is a ValueError."""
    from safetensors import safe_open

    with open(path, "rb"):  # for the operating system's own errors, in their own classes
        pass
    with refusals(path), safe_open(os.fsdecode(path), framework="numpy") as file:
        yield file


def parse(file: Any) -> Parts:
    """Return the network in an opened file."""
    document = _document((file.metadata() or {}).get(KEY))
    configuration = from_config(document["network"])
    version = _version_for(configuration, "temperature" in document)
    if document["format_version"] != version:
        raise ValueError(f"it has format version {document['format_version']}; this network takes {version}")
    kind = document["targets"]
    if kind is not None:
        checks.choice("the file", "targets", kind, KINDS)
    n_columns = checks.integer("the file", "n_features", document["n_features"], minimum=1)
    _check_tensors(file, configuration, n_columns, "temperature" in document)
    layers = layer_states(file, configuration.layers)
    _check_norms(layers)
    pairs = check_weights(configuration.layers, pairs_of(layers), configuration.dtype)
    for layer, state in zip(layers, states_of(pairs), strict=True):
        layer |= state
    classes = _classes_from_config(document["classes"])
    scaling, learned = _statistics(file, _TARGETS), None
    if kind is not None or classes is not None:
        learned = restored_targets(configuration, kind, classes, scaling)
    encoder = None
    if document.get("encoder") is not None:
        encoder = configuration.new_encoder().restore(document["encoder"], n_columns)
    return Parts(
        configuration,
        layers,
        _statistics(file, _STATISTICS),
        Inputs.of(configuration, n_columns, encoder),
        replace(Outputs.of(configuration, learned), calibration=_calibration(file, document)),
    )


def _document(text: str | None) -> dict[str, Any]:
    if text is None:
        raise ValueError("it is a safetensors file without the metadata of compiled_nn")
    document = parse_json(text)
    version = document.get("format_version") if isinstance(document, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise ValueError(
            f"it has format version {version}; this compiled_nn reads {FORMAT_VERSION}: upgrade it"
        )
    names = (*_DOCUMENT, "temperature") if version == FORMAT_VERSION else _DOCUMENT
    network = document.get("network") if isinstance(document, dict) else None
    encodes = isinstance(network, dict) and "categorical_features" in network
    fields = checks.fields("the document", document, (*names, "encoder") if encodes else names)
    if type(version) is not int or version < 1:
        raise ValueError(f"format version {version!r} is not known")
    if not isinstance(fields["library_version"], str):
        raise ValueError("library_version is not a str")
    return fields


def parse_json(text: str) -> Any:
    """Return what a JSON text says; NaN, infinities and keys that come twice are refused."""
    from json import loads

    return loads(text, parse_constant=_refuse_constant, object_pairs_hook=_without_duplicates)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key comes twice")
    return fields


def _check_tensors(file: Any, configuration: Configuration, n_features: int, calibrated: bool) -> None:
    """Compare names, shapes and dtypes of the tensors with the configuration, before any of them is read."""
    expected = expected_layers(configuration.layers, n_features, configuration.dtype)
    for i, layer in enumerate(configuration.layers):
        names = [f"layers.{i}.norm.{_NORMS[name]}" for name in _norm_names(layer)]
        expected |= dict.fromkeys(names, (_TENSOR_DTYPES[configuration.dtype], [layer.units]))
    found = {name for name in file.keys() if not name.startswith(TRAINING)}  # noqa: SIM118 - no mapping
    if calibrated and _SCORES in found:
        loss = configuration.loss
        n_scores = 1 if loss.classifies else loss.n_columns(configuration.n_outputs)
        expected[_SCORES] = "F64", [*file.get_slice(_SCORES).get_shape()[:1], n_scores]
    if configuration.standardize and found.intersection(_STATISTICS):
        expected |= dict.fromkeys(_STATISTICS, ("F64", [n_features]))
    if configuration.scale_targets and found.intersection(_TARGETS):
        expected |= dict.fromkeys(_TARGETS, ("F64", [configuration.n_outputs]))
    check_tensors(file, found, expected)


def expected_layers(
    layers: Sequence[Dense], n_inputs: int, dtype: str, prefix: str = ""
) -> dict[str, tuple[str, list[int]]]:
    """Return dtypes and shapes of the tensors of :func:`layer_tensors` by name."""
    expected = {}
    for i, layer in enumerate(layers):
        shapes = [layer.units, n_inputs], [layer.units], [layer.units]
        for name, shape, there in zip(
            _PARTS, shapes, (True, layer.bias, layer.norm is not None), strict=True
        ):
            if there:
                expected[f"{prefix}layers.{i}.{name}"] = _TENSOR_DTYPES[dtype], shape
        n_inputs = layer.units
    return expected


def check_tensors(file: Any, found: set[str], expected: dict[str, tuple[str, list[int]]]) -> None:
    """Refuse tensors whose names, shapes and dtypes are not those expected; none is read."""
    if found != expected.keys():
        missing, extra = expected.keys() - found, found - expected.keys()
        raise ValueError(f"it lacks {min(missing)}" if missing else f"it has an unknown tensor {min(extra)}")
    for name, (dtype, shape) in expected.items():
        tensor = file.get_slice(name)
        if list(tensor.get_shape()) != shape or tensor.get_dtype() != dtype:
            raise ValueError(
                f"{name} is {tensor.get_dtype()} {tensor.get_shape()}; the configuration says {dtype} {shape}"
            )


def _statistics(file: Any, names: tuple[str, str]) -> Statistics | None:
    if names[0] not in file.keys():  # noqa: SIM118 - no mapping
        return None
    return Statistics(*map(file.get_tensor, names))


def _calibration(file: Any, document: dict[str, Any]) -> Calibration:
    if "temperature" not in document:
        return NOTHING
    temperature = checks.real("the file", "temperature", document["temperature"], above=0)
    if _SCORES not in file.keys():  # noqa: SIM118 - no mapping
        return Calibration(temperature)
    return Calibration(
        temperature, arrays.weights(file.get_tensor(_SCORES), _SCORES, dtype="float64", ndim=2)
    )


def layer_states(
    file: Any, layers: Sequence[Dense], prefix: str = "", *, running: bool = True
) -> list[LayerState]:
    """Return the states of layers that :func:`layer_tensors` made tensors of; `running`: running statistics too."""
    states = []
    for i, layer in enumerate(layers):
        path = f"{prefix}layers.{i}"
        state: LayerState = {"weight": file.get_tensor(f"{path}.weight").T}
        if layer.bias:
            state["bias"] = file.get_tensor(f"{path}.bias")
        names = _norm_names(layer) if running else _norm_names(layer)[:1]
        if names:
            state["norm"] = {name: file.get_tensor(f"{path}.norm.{_NORMS[name]}") for name in names}
        states.append(state)
    return states


def _norm_names(layer: Dense) -> tuple[str, ...]:
    return () if layer.norm is None else tuple(_NORMS) if layer.norm == "batch" else ("gain",)


def _check_norms(layers: Sequence[LayerState]) -> None:
    """Refuse gains and running statistics that are not finite, or variances below 0."""
    for i, layer in enumerate(layers):
        for name, array in layer.get("norm", {}).items():
            tensor = f"layers.{i}.norm.{_NORMS[name]}"
            arrays.weights(array, tensor, dtype=array.dtype.name, ndim=1)
            if name == "variance" and array.min() < 0:
                raise ValueError(f"{tensor} is negative")


def _classes_from_config(config: object) -> arrays.Array | None:
    if config is None:
        return None
    fields = checks.fields("classes", config, ("dtype", "values"))
    dtype, labels = fields["dtype"], fields["values"]
    if not isinstance(labels, list) or not labels:
        raise ValueError("classes.values is not a list of labels")
    kind = type(labels[0])
    if kind not in _CLASS_DTYPES or dtype not in _CLASS_DTYPES[kind]:
        raise ValueError(f"classes of type {kind.__name__} cannot have the dtype {dtype!r}")
    if any(type(label) is not kind for label in labels):
        raise ValueError("classes mixes types")
    return _class_array(labels, str(dtype))


def _class_array(labels: list[Any], dtype: str) -> arrays.Array:
    if dtype in ("str", "bytes"):
        if max(map(len, labels)) > arrays.LONGEST_LABEL:
            raise ValueError(f"a label has more than {arrays.LONGEST_LABEL} characters")
        classes = np.array(labels if dtype == "str" else [label.encode("latin-1") for label in labels])
    else:
        with np.errstate(over="ignore"):  # a float16 out of range is infinite, and refused below
            classes = np.array(labels, dtype=dtype)
        if not all(math.isfinite(label) for label in classes.tolist()):
            raise ValueError("a class is not finite")
    if not (classes[1:] > classes[:-1]).all():
        raise ValueError("classes are not sorted, or not distinct")
    return classes
