"""Write golden files and hashes: ``python write.py files format4``, or ``python write.py hashes [--only GROUP ...]``.

``files NAME`` writes NAME.tar.gz, for a format or a capability that no archive has yet; an archive is never replaced.
``hashes`` writes hashes.json, or some of its groups: only in a commit that says which bits change, and why.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from golden import archive, cases  # noqa: E402

import cnn_core  # noqa: E402

HASHES = HERE / "hashes.json"
SETS = {"fused": "x86_v3", "unfused": "x86_v2"}  # with fused multiply-add, and without


def write_hashes(only):
    """Write the hashes of these groups for both kinds of instruction sets, each computed in a separate process."""
    recorded = json.loads(HASHES.read_text()) if HASHES.exists() else {}
    recorded["drawn_by_numpy"] = cases.drawn_by_numpy()
    for kind, isa in SETS.items():
        command = [sys.executable, __file__, "print", *only]
        done = subprocess.run(
            command, env={**os.environ, "CNN_CORE_ISA": isa}, stdout=subprocess.PIPE, check=True
        )
        recorded[kind] = {**recorded.get(kind, {}), **json.loads(done.stdout)}
    with HASHES.open("w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(recorded, indent=1).replace("\n    ", " ").replace("\n   }", " }") + "\n")


def computed(groups):
    """Return {group: {case: {part: hash}}}, computed in this process."""
    return {group: {name: cases.run(group, name) for name in cases.CASES[group]} for group in groups}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("files").add_argument("name", help="name of the archive, such as format4")
    hashes = commands.add_parser("hashes")
    hashes.add_argument(
        "--only", nargs="+", choices=list(cases.CASES), default=list(cases.CASES), metavar="GROUP"
    )
    commands.add_parser("print", help="print the hashes of this process as JSON").add_argument(
        "groups", nargs="+"
    )
    options = parser.parse_args()
    if options.command == "files":
        if cnn_core.isa not in ("x86_v3", "x86_v4"):
            parser.error(f"files are written with fused multiply-add; the instruction set is {cnn_core.isa}")
        archive.write(HERE / f"{options.name}.tar.gz")
    elif options.command == "hashes":
        write_hashes(options.only)
    else:
        json.dump(computed(options.groups), sys.stdout)


if __name__ == "__main__":
    main()
