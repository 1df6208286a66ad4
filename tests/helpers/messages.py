"""The messages of errors and warnings of both packages, for docs/reference/messages.md.

``python tests/helpers/messages.py`` rewrites the page. A message is in it if its text is written where it is raised: as
a literal, an f-string, or one of two such texts. Each value in it is shown as ``...``.
"""

import ast
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "compiled_nn"
CORE = ROOT / "cnn_core"
PAGE = ROOT / "docs" / "reference" / "messages.md"
RAISED = re.compile(r"""raise \w+\(\s*((?:f?"(?:[^"\\\n]|\\.)*"\s*)+)[,)]""")  # with one text, in Cython


class Subject(NamedTuple):
    """Group of messages: its title, the pages that explain it, and the chapters of the package that raise it."""

    title: str
    pages: str
    chapters: tuple[str, ...]


SUBJECTS = (
    Subject("Rows, columns and targets", "[data](../guide/data.md)", ("data", "artefact", "preprocessing")),
    Subject("Reading data", "[data](../guide/data.md)", ("datasets",)),
    Subject(
        "Networks and their parameters",
        "[layers](../guide/layers.md)",
        ("common", "spec", "network", "display", "functional", "examples", "."),
    ),
    Subject(
        "Training",
        "[training](../guide/training.md), [optimizers](../guide/optimizers.md), [losses](../guide/losses.md)",
        ("training", "callbacks", "optimizers", "schedules", "losses"),
    ),
    Subject("Estimators", "[estimators](../guide/estimators.md)", ("estimators",)),
    Subject("Search", "[search](../guide/search.md)", ("tuning",)),
    Subject("Files", "[files](../guide/files.md)", ("files",)),
    Subject(
        "Export and conversion",
        "[exchange](../guide/exchange.md), [ONNX](../guide/onnx.md), [devices](../guide/devices.md)",
        ("exchange", "torch"),
    ),
    Subject(
        "Metrics, intervals, pictures and reports",
        "[metrics and uncertainty](../guide/metrics-and-uncertainty.md)",
        ("metrics", "uncertainty", "plotting", "report"),
    ),
    Subject(
        "Several processes or machines",
        "[distributed training](../guide/distributed.md)",
        ("distributed", "dask"),
    ),
    Subject("The command line", "[command line](../guide/command-line.md)", ("cli",)),
    Subject("The service", "[serving](../guide/serving.md)", ("serving",)),
    Subject("The core", "[numerics](../internals/numerics.md)", ("cnn_core",)),
)
HEAD = """# All messages

This page lists the messages of errors and warnings of compiled-nn, for those who search for one. `...` stands for a
name, a number or another part that differs. The remedy is in the message itself or on the pages that are named above
each group; [errors](errors.md) explains the common ones, with programs.

The page is written by `python tests/helpers/messages.py`.
"""


def text_of(node):
    """Return the text of an expression with `...` for values, or None if it is not a text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "..." for part in node.values)
    return None


def texts_of(call):
    """Return the texts that a call of an exception or of `warn` may have as its message."""
    nodes = [
        branch
        for node in call.args
        for branch in ((node.body, node.orelse) if isinstance(node, ast.IfExp) else (node,))
    ]
    return [text for text in map(text_of, nodes) if text]


def without_casts(text):
    """Return a text of Cython without the casts in its values, which Python cannot parse."""
    return re.sub(r"<\w+>(?=\w)", "", text)


def is_warning(node):
    return isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("warn", "warn_explicit")


def messages_in(path):
    """Return the messages of a file, on one line each."""
    found = []
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".pyx":
        texts = (
            ast.parse(f"({text})", mode="eval").body for text in map(without_casts, RAISED.findall(source))
        )
        found += [text for text in map(text_of, texts) if text]
        source = ""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            found += texts_of(node.exc)
        elif is_warning(node):
            found += texts_of(node)
    shown = (re.sub(r"\.{3,}", "...", " ".join(text.split())) for text in found)
    return [text for text in shown if len(re.findall(r"[A-Za-z]{2,}", text)) >= 2]


def files_of(chapter):
    """Return the sources of a chapter of `compiled_nn`, or of the core."""
    if chapter == "cnn_core":
        return [*CORE.glob("*.py"), *CORE.rglob("*.pyx")]
    return [*(PACKAGE.glob("*.py") if chapter == "." else (PACKAGE / chapter).rglob("*.py"))]


def order_of(message):
    return re.sub(r"[^a-z0-9 ]", "", message.lower()).strip(), message


def page():
    """Return the page."""
    parts = [HEAD]
    for subject in SUBJECTS:
        files = [path for chapter in subject.chapters for path in files_of(chapter)]
        found = sorted({message for path in files for message in messages_in(path)}, key=order_of)
        lines = "\n".join(found)
        parts.append(f"\n## {subject.title}\n\nSee {subject.pages}.\n\n```text\n{lines}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
