"""Optional libraries: imported when they are used, with an error that says how to install a missing one."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def load(module: str, *, purpose: str, library: str, extra: str) -> Any:
    """Import a module of an optional library.

    Parameters
    ----------
    module : str
        Full name of the module.
    purpose : str
        Task that needs the library, for the message: "reading Parquet".
    library : str
        Name of the library, for the message.
    extra : str
        Extra of compiled-nn that installs the library.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If the library is not installed. An installed library that fails to import raises its own error.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if str(error.name).split(".")[0] != module.split(".")[0]:
            raise
        raise absent(purpose, library, extra) from error


def absent(purpose: str, library: str, extra: str) -> ImportError:
    """Return the ImportError for a missing library; its message names the task and the command that installs it."""
    return ImportError(f'{purpose} needs {library}; pip install "compiled-nn[{extra}]"')
