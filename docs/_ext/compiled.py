"""Signatures of the compiled modules.

(a) A Cython class has no signature that Python can read; it is taken from the stub (.pyi) beside the module, and
    given to the template of the page of the class.
(b) Sphinx would import the stubs in place of the modules, and the gallery would then compute nothing.
(c) The default INFINITY of a function of the core is a name of C. Python looks such names up among the modules.
"""

import ast
import math
import os
import sys
from pathlib import Path

import cnn_core

CORE = Path(cnn_core.__file__).parent


def make_signature(function):
    """Return the parameters of a method of a stub as text, without `self` and types."""
    arguments = function.args
    arguments.args = arguments.args[1:]
    for argument in (*arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if argument is not None:
            argument.annotation = None
    return f"({ast.unparse(arguments)})"


def list_class_signatures():
    """Return {"cnn_core.layers.Layers": "(sizes, activations, ...)"} for the classes of the stubs."""
    found = {}
    for path in sorted(CORE.glob("*.pyi")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for kind in (node for node in tree.body if isinstance(node, ast.ClassDef)):
            for node in kind.body:
                if isinstance(node, ast.FunctionDef) and node.name in ("__new__", "__init__"):
                    found[f"cnn_core.{path.stem}.{kind.name}"] = make_signature(node)
    return found


def setup(app):
    os.environ["SPHINX_AUTODOC_IGNORE_NATIVE_MODULE_TYPE_STUBS"] = "1"
    sys.modules.setdefault("INFINITY", math.inf)
    app.config.autosummary_context["signatures"] = list_class_signatures()
    return {"parallel_read_safe": True, "parallel_write_safe": True}
