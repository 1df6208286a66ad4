"""The OpenAPI document of a service, with the schema of the rows of each model and an example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._version import __version__
from . import protocol
from .answers import Answering

if TYPE_CHECKING:
    from .model import ServedModel
    from .settings import Settings
    from .store import Slot, Store

Schema = dict[str, Any]

_ERRORS = {
    400: "The body is not a JSON object of the expected form.",
    404: "There is no model of this name, or no such version.",
    408: "The body did not arrive in time.",
    413: "The body or the number of rows is too large.",
    422: "A row cannot be used; the error names the row and the column.",
    503: "The model is not loaded yet, or too many rows wait for it.",
}
_NUMBER: Schema = {"type": "number"}
_TEXT: Schema = {"type": "string"}


def document(store: Store) -> Schema:
    """Return the document for the models that a store has now."""
    paths: dict[str, Any] = {}
    for versions in store.slots.values():
        for slot in versions.values():
            places = [f"/models/{slot.name}"] if slot is next(reversed(versions.values())) else []
            if len(versions) > 1:
                places.append(f"/models/{slot.name}/versions/{slot.version}")
            for place in places:
                if slot.current is not None:
                    paths[f"{place}/predict"] = {"post": _predict(slot, slot.current, store.settings, place)}
                paths[place] = {
                    "get": _operation(f"Description of the model {slot.name}", place, errors=(503,))
                }
    paths |= _protocol(store)
    paths["/models"] = {"get": _operation("List of the models", "models")}
    paths["/metrics"] = {
        "get": {
            "summary": "Metrics for Prometheus",
            "operationId": "metrics",
            "responses": {"200": {"description": "Metrics.", "content": {"text/plain": {"schema": _TEXT}}}},
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "compiled-nn",
            "version": __version__,
            "description": "Predictions of neural networks: rows as JSON, or the Open Inference Protocol, version 2.",
        },
        "paths": paths,
        "components": {"schemas": {"Error": _error(), **_tensors()}},
    }


def _operation(
    summary: str,
    identifier: str,
    answer: Schema | None = None,
    *,
    errors: tuple[int, ...] = (),
    body: Schema | None = None,
    example: Any = None,
    parameters: list[Schema] | None = None,
) -> Schema:
    """Return the description of a route."""
    content: Schema = {"schema": answer or {"type": "object"}}
    operation: Schema = {
        "summary": summary,
        "operationId": identifier.strip("/").replace("/", "_").replace("{", "").replace("}", ""),
        "responses": {"200": {"description": "Answer.", "content": {"application/json": content}}},
    }
    for status in errors:
        schema = {"$ref": "#/components/schemas/Error"}
        if status == 503 and body is None:
            schema = {"type": "object"}
        operation["responses"][str(status)] = {
            "description": _ERRORS[status],
            "content": {"application/json": {"schema": schema}},
        }
    if body is not None:
        media: Schema = {"schema": body}
        if example is not None:
            media["example"] = example
        operation["requestBody"] = {"required": True, "content": {"application/json": media}}
    if parameters:
        operation["parameters"] = parameters
    return operation


def _error() -> Schema:
    places = {"row": {"type": "integer"}, "column": _TEXT}
    return {"type": "object", "properties": {"error": _TEXT, **places}, "required": ["error"]}


# ---- the plain route


def _predict(slot: Slot, model: ServedModel, settings: Settings, place: str) -> Schema:
    row = {key: value for key, value in model.input_schema.items() if key != "$schema"}
    forms = [row]
    if "x-array" in row:
        forms.append(row.pop("x-array"))
    example = row.get("examples", [None])[0]
    items = forms[0] if len(forms) == 1 else {"anyOf": forms}
    properties: Schema = {
        "rows": {"type": "array", "items": items, "minItems": 1, "maxItems": settings.max_rows}
    }
    if model.knows_training:
        properties["check"] = {
            "type": "boolean",
            "description": "Whether the answer has a comparison of the rows with those of training.",
        }
    if model.answering.has_regions:
        what = "sets of classes" if model.answering.classifies else "intervals"
        properties["coverage"] = {
            "type": ["number", "null"],
            "exclusiveMinimum": 0,
            "maximum": model.answering.largest_coverage,
            "description": f"Probability that the {what} of the answer contain the true value; 0.9 without it.",
        }
    body = {"type": "object", "properties": properties, "required": ["rows"], "additionalProperties": False}
    return _operation(
        f"Predictions of the model {slot.name}"
        + (f", version {slot.version}" if "versions" in place else ""),
        f"{place}/predict",
        _answer(model.answering),
        errors=(400, 408, 413, 422, 503),
        body=body,
        example={"rows": [example]},
    )


def _answer(answering: Answering) -> Schema:
    """Return the schema of the answer."""
    row = _class_row(answering) if answering.classifies else _value_row(answering)
    properties = {
        "model": _TEXT,
        "version": _TEXT,
        "fingerprint": {"type": ["string", "null"]},
        "predictions": {"type": "array", "items": row},
    }
    check = {"type": "object", "description": "Comparison of the rows with those of training, on request."}
    required = list(properties)
    return {"type": "object", "properties": properties | {"check": check}, "required": required}


def _class_row(answering: Answering) -> Schema:
    share = {"type": "number", "minimum": 0, "maximum": 1}
    label = {"enum": answering.classes}
    properties: Schema = {
        "labels" if answering.several else "label": {"type": "array", "items": label}
        if answering.several
        else label,
        "probabilities": {
            "type": "object",
            "properties": dict.fromkeys(answering.names, share),
            "required": answering.names,
        },
    }
    required = list(properties)
    if answering.has_regions:
        properties["set"] = {
            "type": "object",
            "properties": {"coverage": _NUMBER, "labels": {"type": "array", "items": label}},
        }
    return {"type": "object", "properties": properties, "required": required}


def _value_row(answering: Answering) -> Schema:
    if answering.quantiles:
        properties: Schema = {
            "quantiles": {
                "type": "object",
                "properties": dict.fromkeys(answering.quantiles, _NUMBER),
                "required": answering.quantiles,
            }
        }
    elif answering.targets.n_columns > 1:
        properties = {"values": {"type": "array", "items": _NUMBER}}
    else:
        properties = {"value": _NUMBER}
    required = list(properties)
    if answering.has_deviations:
        properties["std"] = {"type": ["number", "array"]}
    if answering.has_regions:
        bound = {"type": ["number", "array", "null"]}
        properties["interval"] = {
            "type": "object",
            "properties": {"coverage": _NUMBER, "lower": bound, "upper": bound},
        }
    return {"type": "object", "properties": properties, "required": required}


# ---- the Open Inference Protocol


def _tensors() -> Schema:
    data: Schema = {"type": "array", "description": "Values, flat or nested; null is a missing value."}
    tensor: Schema = {
        "type": "object",
        "properties": {
            "name": _TEXT,
            "shape": {
                "type": "array",
                "items": {"type": "integer", "minimum": 1},
                "minItems": 1,
                "maxItems": 8,
            },
            "datatype": {"enum": list(protocol.DATATYPES)},
            "parameters": {"type": "object"},
            "data": data,
        },
        "required": ["name", "shape", "datatype", "data"],
        "additionalProperties": False,
    }
    return {"Tensor": tensor}


def _protocol(store: Store) -> dict[str, Any]:
    """Return the routes of the protocol."""
    name = {"name": "model", "in": "path", "required": True, "schema": {"enum": list(store.slots)}}
    versions = sorted({slot.version for slot in store.all()})
    version = {"name": "version", "in": "path", "required": True, "schema": {"enum": versions}}
    paths: dict[str, Any] = {
        "/v2": {"get": _operation("Description of the service", "v2")},
        "/v2/health/live": {"get": _operation("Whether the process answers", "live")},
        "/v2/health/ready": {"get": _operation("Whether all models can answer", "ready", errors=(503,))},
    }
    for place, parameters in (("", [name]), ("/versions/{version}", [name, version])):
        path = "/v2/models/{model}" + place
        paths[path] = {
            "get": _operation("Tensors of a model", path, errors=(404, 503), parameters=parameters),
        }
        paths[f"{path}/ready"] = {
            "get": _operation(
                "Whether a model can answer", f"{path}/ready", errors=(404, 503), parameters=parameters
            )
        }
        paths[f"{path}/infer"] = {
            "post": _operation(
                "Predictions for tensors",
                f"{path}/infer",
                _inferred(),
                errors=(400, 404, 408, 413, 422, 503),
                body=_inference(),
                example=_example(store),
                parameters=parameters,
            )
        }
    return paths


def _inference() -> Schema:
    tensor, output = (
        {"$ref": "#/components/schemas/Tensor"},
        {"name": _TEXT, "parameters": {"type": "object"}},
    )
    outputs = {"type": "object", "properties": output, "required": ["name"], "additionalProperties": False}
    return {
        "type": "object",
        "properties": {
            "id": _TEXT,
            "parameters": {"type": "object"},
            "inputs": {"type": "array", "items": tensor, "minItems": 1},
            "outputs": {"type": "array", "items": outputs, "minItems": 1},
        },
        "required": ["inputs"],
        "additionalProperties": False,
    }


def _inferred() -> Schema:
    output = {"$ref": "#/components/schemas/Tensor"}
    properties = {
        "model_name": _TEXT,
        "model_version": _TEXT,
        "id": _TEXT,
        "outputs": {"type": "array", "items": output},
    }
    return {"type": "object", "properties": properties, "required": ["model_name", "outputs"]}


def _example(store: Store) -> Any:
    """Return a request of the protocol for the first model."""
    model = next((slot.current for slot in store.all() if slot.current is not None), None)
    if model is None:
        return None
    row = model.input_schema.get("examples", [None])[0]
    inputs = protocol.input_metadata(model)
    if len(inputs) == 1 and inputs[0]["name"] == protocol.MATRIX:
        values = list(row.values()) if isinstance(row, dict) else row
        return {"inputs": [{**inputs[0], "shape": [1, *inputs[0]["shape"][1:]], "data": [values]}]}
    if not isinstance(row, dict):
        row = dict(zip(model.rows.titles, row or (), strict=False))
    return {"inputs": [{**each, "shape": [1], "data": [row.get(each["name"])]} for each in inputs]}
