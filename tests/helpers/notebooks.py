"""Notebooks of docs/tutorials: executed, and stored without anything that differs from run to run.

``python tests/helpers/notebooks.py NOTEBOOK ...`` executes each notebook and stores it in its place, or with
``--out DIR`` in another folder. It needs nbclient, ipykernel and matplotlib (the extra `docs`), and the data of the
tutorials.
"""

import argparse
import json
import os
import re
import tempfile
from pathlib import Path

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "name": "python"},
}
ADDRESS = re.compile(r"<(?:[\w.]*\.)?(\w+)(?: object)? at 0x[0-9a-f]+>")
TIMEOUT = 600  # seconds for a cell, on a busy machine


def read(path):
    """Return a notebook as the dict of its file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def source(cell):
    """Return the text of a cell."""
    return "".join(cell["source"])


def text_of(output):
    """Return the text of an output: of a stream, or of a result that has no picture."""
    if output["output_type"] == "stream":
        return "".join(output["text"])
    return "".join(output["data"].get("text/plain", ""))


def execute(path, folder):
    """Execute a notebook in a folder and return it as a dict, cleaned; an exception of a cell is raised."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    # with another backend than that of notebooks, figures of matplotlib would not be shown
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    NotebookClient(
        notebook, timeout=TIMEOUT, kernel_name="python3", resources=resources, record_timing=False
    ).execute(env=environment)
    return clean(json.loads(nbformat.writes(notebook)))


def clean(notebook):
    """Remove what differs from run to run: metadata, addresses of objects, and the text of diagrams."""
    notebook["metadata"] = METADATA
    for number, cell in enumerate(notebook["cells"], start=1):
        cell["id"], cell["metadata"] = f"cell-{number}", {}
        if "outputs" in cell:
            cell["outputs"] = joined(cell["outputs"])
        for output in cell.get("outputs", []):
            if "data" in output:
                output["metadata"] = {}
                plain = "diagram" if "image/svg+xml" in output["data"] else text_of(output)
                output["data"]["text/plain"] = ADDRESS.sub(r"\1", plain).splitlines(keepends=True)
    return notebook


def joined(outputs):
    """Return the outputs of a cell, with parts of a stream that follow each other as one output."""
    results = []
    for output in outputs:
        stream = output["output_type"] == "stream"
        if stream and results and results[-1].get("name") == output["name"]:
            text = text_of(results[-1]) + text_of(output)
            results[-1]["text"] = text.splitlines(keepends=True)
        else:
            results.append(output)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the executed notebooks")
    options = parser.parse_args()
    for path in options.notebooks:
        with tempfile.TemporaryDirectory() as folder:
            notebook = execute(path, folder)
        target = (options.out or path.parent) / path.name
        target.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
