"""Folder in the layout of the Hugging Face hub: the file of the model, its configuration, and a model card."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..common import checks
from ..files import replacing

if TYPE_CHECKING:
    from .description import Description

MODEL, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
_PROGRAM = """\
import compiled_nn as cnn

model = cnn.{reader}("model.safetensors")
model.predict(X)
"""


def save(
    kind: str,
    precision: str,
    description: Description,
    write: Callable[[str], None],
    folder: str | os.PathLike[str],
    *,
    license: str | None,
    tags: Iterable[str],
    metrics: Mapping[str, float] | None,
) -> None:
    """Write the folder; documented in :meth:`compiled_nn.Network.save_pretrained`."""
    if isinstance(tags, str) or not all(isinstance(tag, str) for tag in tags):
        raise TypeError(f"tags must be a sequence of texts. Got {tags!r} instead.")
    measured = {
        str(name): checks.real("save_pretrained", "metrics", value) for name, value in (metrics or {}).items()
    }
    place = os.fsdecode(folder)
    os.makedirs(place, exist_ok=True)
    write(os.path.join(place, MODEL))
    reader = "load" if kind in ("Network", "Ensemble") else f"{kind}.load"
    config = _config(kind, description) | ({} if precision == "float32" else {"precision": precision})
    head = _head(description, license, tags, measured)
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in head.items()]
    text = "\n".join(["---", *lines, "---", "", *_page(description, config, measured, reader)])
    replacing.write(os.path.join(place, CONFIG), [json.dumps(config, indent=2, ensure_ascii=False).encode()])
    replacing.write(os.path.join(place, CARD), [text.encode()])


def _task(description: Description) -> str:
    return "tabular-regression" if description.classes is None else "tabular-classification"


def _config(kind: str, description: Description) -> dict[str, Any]:
    """Return the content of the configuration."""
    classes = description.classes
    return {
        "model_type": "compiled_nn",
        "architectures": [kind],
        "compiled_nn_version": __version__,
        "task": _task(description),
        "inputs": list(description.titles),
        "classes": None if classes is None else [str(label) for label in classes.tolist()],
    }


def _head(
    description: Description, license: str | None, tags: Iterable[str], metrics: Mapping[str, float]
) -> dict[str, Any]:
    """Return the metadata of the card; JSON values are YAML."""
    head: dict[str, Any] = {"library_name": "compiled_nn"}
    if license is not None:
        head["license"] = license
    head["tags"] = list(dict.fromkeys(["tabular", _task(description), *tags]))
    head["pipeline_tag"] = _task(description)
    if metrics:
        head["metrics"] = list(metrics)
    return head


def _page(
    description: Description, config: Mapping[str, Any], metrics: Mapping[str, float], reader: str
) -> list[str]:
    """Return the lines of the card after its metadata."""
    chains = [
        " - ".join(str(len(layer.weight[0])) for layer in chain.layers) for chain in description.networks
    ]
    lines = [
        f"# {config['architectures'][0]} of compiled-nn",
        "",
        f"- inputs: {len(description.titles)}",
        f"- units of the layers: {'; '.join(dict.fromkeys(chains))}"
        f"{'' if len(chains) == 1 else f', mean of {len(chains)} networks'}",
        f"- loss: {description.loss.name}",
        *([f"- precision of the products: {config['precision']}"] if "precision" in config else []),
    ]
    if metrics:
        lines += [
            "",
            "| metric | value |",
            "|---|---|",
            *(f"| {name} | {value:g} |" for name, value in metrics.items()),
        ]
    return [*lines, "", "```python", *_PROGRAM.format(reader=reader).splitlines(), "```", ""]
