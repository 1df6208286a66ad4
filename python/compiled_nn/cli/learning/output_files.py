"""Files that train writes."""

from __future__ import annotations

import os
from argparse import Namespace
from importlib.util import find_spec

from ...common import optional
from ...network.loading import load
from ..support.terminal import UsageError
from ..tables import writers


def of(options: Namespace, name: str) -> tuple[str, str | None]:
    """Return the paths of the network and of the loss curve, None for no curve.

    Parameters
    ----------
    options : Namespace
        Options of the command.
    name : str
        Name of the data, from which the default of a path is made.

    Raises
    ------
    OSError
        A file cannot be written.
    ValueError
        The file of the network exists and has another content.
    ImportError
        --plot is given, and matplotlib is not installed.
    """
    model = options.output or f"{name}.safetensors"
    plot = options.plot
    installed = find_spec("matplotlib") is not None
    if plot is not None and not installed:
        raise optional.absent("--plot", "matplotlib", "plot")
    if plot is None and installed and not options.no_plot:
        plot = f"{os.path.splitext(model)[0]}-loss.png"
    paths = [path for path in (model, plot, options.report) if path is not None]
    if len({os.path.realpath(path) for path in paths}) < len(paths):
        raise UsageError(
            "two outputs have the same file; give them different names with -o, --plot and --report"
        )
    for path in paths:
        writers.refuse_input(path, options)
        folder = os.path.dirname(path) or "."
        if not os.path.isdir(folder):
            raise FileNotFoundError(f"{path} cannot be written: there is no folder {folder}")
        if os.path.isdir(path):
            raise IsADirectoryError(f"{path} cannot be written: it is a folder; give the name of a file")
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"{path} cannot be written: no permission to write to the folder {folder}")
    if os.path.isfile(model):
        try:
            load(model)
        except ValueError as error:
            raise ValueError(
                f"{error}. Training would overwrite this file; remove it, or give another name with -o"
            ) from error
    return model, plot
