"""Create the virtual environments of the peers.

Examples::

    python benchmarks/environments.py                  all environments
    python benchmarks/environments.py numpy torch      two of them
    python benchmarks/environments.py --folder DIR     in DIR instead of the user's cache

The benchmarks need the CPU build of torch: where the package index has several builds, select it with
``PIP_FIND_LINKS`` or ``PIP_EXTRA_INDEX_URL``.
"""

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path

from peers import ENVIRONMENTS


def default_folder() -> Path:
    """Return the folder of the environments: ``CNN_BENCH_ENVIRONMENTS``, or a folder in the user's cache.

    Returns
    -------
    pathlib.Path
    """
    given = os.environ.get("CNN_BENCH_ENVIRONMENTS")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(given) if given else cache / "compiled-nn" / "benchmarks"


def interpreter(folder: Path, environment: str) -> Path:
    """Return the path of the Python of an environment, which need not exist.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the environments.
    environment : str
        Key of `peers.ENVIRONMENTS`, or ``"ours"`` for the running interpreter.

    Returns
    -------
    pathlib.Path
    """
    if environment == "ours":
        return Path(sys.executable)
    return folder / environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def create(folder: Path, environment: str) -> None:
    """Create an environment, or update an existing one, and install its pinned packages.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the environments; it is created if it does not exist.
    environment : str
        Key of `peers.ENVIRONMENTS`.

    Raises
    ------
    subprocess.CalledProcessError
        If pip fails.
    """
    python = interpreter(folder, environment)
    if not python.exists():
        venv.create(folder / environment, with_pip=True)
    print(f"{environment}: {' '.join(ENVIRONMENTS[environment])}", flush=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *ENVIRONMENTS[environment]], check=True)


def main() -> None:
    """Create the environments named on the command line."""
    parser = argparse.ArgumentParser(description="Create the virtual environments of the peers.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one of {', '.join(ENVIRONMENTS)} (default: all)"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=default_folder(),
        help="folder of the environments (default: %(default)s)",
    )
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(ENVIRONMENTS))
    if unknown:
        parser.error(f"unknown environment {', '.join(unknown)}; choose from {', '.join(ENVIRONMENTS)}")
    for name in arguments.names or ENVIRONMENTS:
        create(arguments.folder, name)


if __name__ == "__main__":
    main()
