"""Card of a file: a description of the model in it, made without reading its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..artefact import schema
from . import checkpoint_file, ensemble_checkpoint, network_file, schemas
from .documents import parse_json
from .safetensors_file import open_tensors

if TYPE_CHECKING:
    from ..artefact.outputs import Outputs
    from ..spec.configuration import Configuration
    from .content import Content
    from .members import Members
    from .network_file import Description
    from .places import Readable


def read(path: Readable) -> dict[str, Any]:
    """Return the card of a file; documented in :func:`compiled_nn.read_card`."""
    with open_tensors(path) as file:
        described = network_file.describe(file)
        return {
            "bytes": file.n_bytes,
            "format_version": described.document["format_version"],
            "written_by": described.document["library_version"],
            "fingerprint": described.card.get("fingerprint"),
            **_estimator(file),
            "checkpoint": _checkpoint(file, described),
            **_of_network(described),
            "training": described.card.get("training", {}),
            "metadata": dict(described.document.get("metadata", {})),
        }


def _of_network(described: Description) -> dict[str, Any]:
    """Return the description of the inputs, the outputs and the layers."""
    document, configuration, inputs, outputs, members, _ = described
    network, n_inputs = document["network"], inputs.n_inputs
    layers = _layers(configuration, n_inputs)
    networks = None if members is None else _networks(members, n_inputs)
    counted = layers if networks is None else [layer for each in networks for layer in each["layers"]]
    classes = None if outputs.targets.classes is None else outputs.targets.classes.tolist()
    return {
        "task": "regression" if classes is None else "classification",
        "classes": classes,
        "n_features": inputs.n_features,
        "columns": None if inputs.names is None else list(inputs.names),
        "column_types": _column_types(inputs.encoder),
        "image_shape": None if inputs.shape is None else list(inputs.shape),
        "input_schema": schema.of_row(inputs),
        "outputs": _outputs(outputs, configuration),
        "calibration": _calibration(outputs),
        "members": None if networks is None else len(networks),
        "networks": networks,
        "parameters": sum(layer["parameters"] for layer in counted),
        **{key: network[key] for key in ("loss", "optimizer", "l1", "l2", "input_scale", "dtype", "seed")},
        "precision": document.get("quantization", network).get("precision", "float32"),
        "standardize": network.get("standardize", False),
        "layers": layers,
        "scale_targets": network.get("scale_targets", False),
    }


def _layers(configuration: Configuration, n_inputs: int) -> list[dict[str, Any]]:
    """Return sizes and activations of the layers of a network."""
    layers = []
    for layer, activation in zip(configuration.layers, configuration.activation_names, strict=True):
        others = (layer.bias + (layer.norm is not None)) * layer.units
        layers.append(
            {
                "inputs": n_inputs,
                "units": layer.units,
                "activation": activation,
                "bias": layer.bias,
                "norm": layer.norm,
                "residual": layer.residual,
                "parameters": layer.n_weights(n_inputs) + others,
            }
        )
        n_inputs = layer.units
    return layers


def _networks(members: Members, n_inputs: int) -> list[dict[str, Any]]:
    """Return the networks of an ensemble that predict."""
    return [{**each, "layers": _layers(members.networks[each["place"]], n_inputs)} for each in members.kept]


def _outputs(outputs: Outputs, configuration: Configuration) -> dict[str, Any]:
    """Return the number of outputs, their meaning, and the dtypes of predictions."""
    loss, n = outputs.loss, outputs.n_outputs
    return {
        "units": n,
        "activation": configuration.activation_names[-1],
        "kind": None if outputs.learned is None else outputs.learned.kind,
        "values": None if loss.classifies else loss.n_columns(n),
        "dtype": outputs.dtype,
    }


def _calibration(outputs: Outputs) -> dict[str, Any]:
    """Return the temperature, and the number of rows by which intervals or sets of classes are calibrated."""
    temperature, scores = outputs.calibration
    return {"temperature": temperature, "rows": None if scores is None else len(scores)}


def _column_types(encoder: Any) -> list[dict[str, Any]] | None:
    """Return the name, type and levels of each column of an encoder, and the reason if it is left out."""
    if encoder is None:
        return None
    found = []
    for column, (name, kind) in zip(encoder.columns_, encoder.column_types_.items(), strict=True):
        levels = len(column.categories) if kind.kind == "category" and kind.used else None
        found.append({"name": name, "type": kind.kind, "levels": levels, "reason": kind.reason or None})
    return found


def _estimator(file: Content) -> dict[str, Any]:
    """Return the class of the estimator in a file and its parameters that differ from their defaults."""
    text = (file.metadata() or {}).get(network_file.ESTIMATOR)
    if text is None:
        return {"estimator": None, "estimator_parameters": None}
    document = parse_json(text, file.n_bytes)
    if not isinstance(document, dict):
        schemas.fail("the estimator", document, "a JSON object")
    parameters = document.get("parameters")
    if not isinstance(parameters, dict):
        schemas.fail("the estimator's parameters", parameters, "a JSON object")
    name = schemas.text()("the estimator's class", document.get("estimator"))
    return {"estimator": name, "estimator_parameters": parameters}


def _checkpoint(file: Content, described: Description) -> dict[str, Any] | None:
    """Return the number of epochs and steps of a checkpoint; None for a file without state of training."""
    if checkpoint_file.is_checkpoint(file):
        progress = checkpoint_file.progress(file)
        return {"epochs": progress["epochs"], "steps": progress["steps"]}
    if ensemble_checkpoint.is_checkpoint(file):
        progress = ensemble_checkpoint.progress(file, described)
        return {"epochs": progress["epoch"], "steps": max(each["steps"] for each in progress["members"])}
    return None
