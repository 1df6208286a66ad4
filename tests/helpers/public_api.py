"""The public names of both packages with their signatures, and the declarations for Cython, as one text.

`python tests/helpers/public_api.py` rewrites the stored text that tests/package/test_public_api.py compares with.
"""

import inspect
import re
from pathlib import Path

import compiled_nn as cnn

import cnn_core

STORED = Path(__file__).resolve().parents[1] / "package" / "public_api.txt"
DECLARATIONS = ("types", "kernel_tables", "threads", "layers", "stack")  # those in the wheel


def parameters(function):
    """Return names, kinds and defaults; annotations are the business of the type checkers."""
    try:
        signature = inspect.signature(function)
    except ValueError:
        return "(...)"
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    text = str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty))
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def member_names(kind):
    """Return the names of the public methods and attributes of a class, inherited ones of the packages included."""
    ours = [base for base in kind.__mro__ if base.__module__.startswith(("compiled_nn", "cnn_core"))]
    return sorted({name for base in ours for name in vars(base) if not name.startswith("_")})


def members(kind):
    """Yield the lines of a class: its parameters, then its public methods and attributes."""
    yield f"class {kind.__name__}{parameters(kind)}"
    if issubclass(kind, BaseException):
        return
    for name in member_names(kind):
        value = inspect.getattr_static(kind, name)
        if isinstance(value, (classmethod, staticmethod)):
            value = value.__func__
        if inspect.isfunction(value) or (inspect.ismethoddescriptor(value) and callable(value)):
            yield f"    {name}{parameters(value)}"
        else:
            yield f"    {name}"


def lines_of(module, names):
    """Yield the lines of the names of a module."""
    yield f"# {module.__name__}"
    for name in sorted(names):
        value = getattr(module, name)
        if inspect.isclass(value) and value.__module__.startswith(("compiled_nn", "cnn_core")):
            yield from members(value)
        elif callable(value):
            yield f"{name}{parameters(value)}"
        else:
            yield name
    yield ""


def declared(path):
    """Yield the lines of a .pxd or .pyi without comments and docstrings."""
    text = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    yield f"# cnn_core/{path.name}"
    for line in text.splitlines():
        code = re.sub(r"\s*#.*", "", line).rstrip()
        if code and not code.startswith(("import ", "from ")):
            yield code
    yield ""


def names_of(module):
    """Return the public names of a module: `__all__`, those that it defines, or those that an alias imports."""
    if hasattr(module, "__all__"):
        return module.__all__
    homes = {
        name: home
        for name, value in vars(module).items()
        if not name.startswith("_") and (home := getattr(value, "__module__", "")).startswith("compiled_nn")
    }
    own = [name for name, home in homes.items() if home == module.__name__]
    return own or list(homes)


def faces():
    """Yield `compiled_nn` and each of its public modules, with their public names."""
    modules = [name for name in dir(cnn) if inspect.ismodule(getattr(cnn, name))]
    yield cnn, sorted(set(cnn.__all__) - set(modules))
    for name in modules:
        yield getattr(cnn, name), names_of(getattr(cnn, name))


def public_api():
    """Return the text."""
    core = Path(cnn_core.__file__).parent
    lines = []
    for module, names in faces():
        lines += lines_of(module, names)
    for path in sorted(core.glob("*.pyi")):
        lines += declared(path)
    for name in DECLARATIONS:
        lines += declared(core / f"{name}.pxd")
    return "\n".join(lines)


if __name__ == "__main__":
    STORED.write_text(public_api(), encoding="utf-8")
