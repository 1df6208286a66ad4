"""The page ``/docs``: the OpenAPI document as one page of HTML, without scripts, fonts or files from elsewhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from .markup import html


def page(document: dict[str, Any], root: str) -> str:
    """Return the page; `root` is the path under which the application is mounted."""
    sections = [
        _section(method, path, operation, root)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    info = document["info"]
    schemas = _details("Schemas that several routes use", document["components"]["schemas"])
    link = f'<a href="{escape(root)}/openapi.json">openapi.json</a>'
    return html(
        f"{info['title']} {info['version']}",
        f"<p>{escape(info['description'])} {link}</p>",
        *sections,
        schemas,
    )


def _section(method: str, path: str, operation: dict[str, Any], root: str) -> str:
    name = f'<span class="method">{method.upper()}</span> <code>{escape(root + path)}</code>'
    parts = [f"<h3>{name}</h3><p>{escape(operation['summary'])}</p>"]
    for parameter in operation.get("parameters", ()):
        values = ", ".join(parameter["schema"]["enum"])
        parts.append(f"<p><code>{{{parameter['name']}}}</code>: {escape(values)}</p>")
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None:
        if "example" in body:
            parts.append(
                f"<p>Example:</p><pre>{escape(_command(method, root + path, body['example']))}</pre>"
            )
        parts.append(_details("Schema of the body", body["schema"]))
    rows = "".join(
        f"<tr><td>{status}</td><td>{escape(answer['description'])}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    return "".join(parts) + f"<details><summary>Answers</summary><table>{rows}</table></details>"


def _details(summary: str, schema: Any) -> str:
    text = escape(json.dumps(schema, indent=2))
    return f"<details><summary>{escape(summary)}</summary><pre>{text}</pre></details>"


def _command(method: str, path: str, example: Any) -> str:
    text = json.dumps(example).replace("'", "\\u0027")
    return f"curl -X {method.upper()} http://localhost:8000{path} -d '{text}'"
