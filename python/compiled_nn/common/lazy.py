"""Names of a package that are imported when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.machinery import PathFinder
from sys import modules
from typing import Any

from .errors import did_you_mean


def attach(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package whose names are imported when they are first used.

    Parameters
    ----------
    package : str
        ``__name__`` of the package.
    homes : mapping of str to str
        Module inside the package that defines each name; "" for a name that is itself a module.

    Returns
    -------
    getattr, dir : callable
        Functions that the package assigns to ``__getattr__`` and ``__dir__``. `getattr` raises AttributeError for a
        name that is not in `homes`.
    """

    def get(name: str) -> Any:
        if name not in homes:
            # `from package import module` calls this function first, and imports the module after the error.
            is_module = PathFinder.find_spec(f"{package}.{name}", modules[package].__path__) is not None
            hint = ""
            if not (is_module or name.startswith("_")):
                hint = did_you_mean(name, modules[package].__all__, package.rpartition(".")[2])
            raise AttributeError(f"module {package!r} has no attribute {name!r}.{hint}")
        home = homes[name]
        if not home:
            return import_module(f"{package}.{name}")
        value = getattr(import_module(f"{package}.{home}"), name)
        setattr(modules[package], name, value)
        return value

    return get, lambda: sorted(modules[package].__all__)
