"""Optional libraries: imported when they are used; where one is absent, the error says how to get it."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def load(module: str, *, purpose: str, library: str, extra: str) -> Any:
    """Import a module of an optional library.

    Parameters
    ----------
    module : str
        Its full name.
    purpose : str
        What needs it, for the message.
    library : str
        What people call it.
    extra : str
        Of compiled-nn, that installs it.

    Raises
    ------
    ImportError
        When the library is not installed. One that is, but does not import, raises its own.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if str(error.name).split(".")[0] != module.split(".")[0]:
            raise
        raise absent(purpose, library, extra) from error


def absent(purpose: str, library: str, extra: str) -> ImportError:
    """Return the error that says what needs a library, and how to get it."""
    return ImportError(f'{purpose} needs {library}; pip install "compiled-nn[{extra}]"')
