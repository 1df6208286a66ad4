"""Count the instructions of the workloads in qemu, where time cannot be measured: for example those of aarch64.

Each processor is a name and the command of a Python with compiled-nn, which begins with qemu's program for it::

    python benchmarks/instructions.py --only T6,I4 "x86_v3=qemu-x86_64 -cpu Haswell python3" \\
        "aarch64=qemu-aarch64 -E PYTHONHOME=ROOT/usr -E PYTHONPATH=SITE -L ROOT ROOT/usr/bin/python3.11"

The emulator must be able to load plugins: Debian's `qemu-user` is, `qemu-user-static` is not. The instructions are
those of whole steps or calls from Python: the difference between a program with many and one with few of them. They are
divided by the multiply-adds of the matrix products; times the float32 numbers of a register, 1 is the least.
"""

import argparse
import os
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from report import make_table
from workloads import WORKLOADS, Workload

HERE = Path(__file__).resolve().parent
LANES = {"qemu-aarch64": 4, "qemu-x86_64": 8}
CALLS = 100  # of prediction, in a unit
FLOPS = 1e8  # of an epoch: few enough for emulation, many compared with `fit` itself


def parse_arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description="Count the instructions of the workloads in qemu.")
    parser.add_argument("processors", nargs="*", metavar="NAME=COMMAND", help="name and command of a Python")
    parser.add_argument(
        "--only", metavar="T1,I2", default="T1,T6,T8,I1,I4", help="workloads (default: %(default)s)"
    )
    parser.add_argument("--units", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def few_rows(workload: Workload) -> Workload:
    """Return a workload with as few batches as `FLOPS` allows."""
    if workload.kind == "inference" or workload.batch is None:
        return workload
    return workload.scaled(min(1.0, FLOPS / workload.flops()))


def work(workload: Workload, units: int) -> None:
    """Do the work that is counted, in the emulated process."""
    import compiled_nn as cnn
    from data import make_task
    from peers import ours

    cnn.set_num_threads(1)
    task = make_task(workload, "float32", 1)
    if workload.kind == "inference":
        predict = ours.inference(task, "")
        for _ in range(units * CALLS):
            predict(task.X)
    else:
        ours.training(task, "").run(units)


def compile_plugin(emulator: str, folder: Path) -> Path:
    """Compile `instructions.c` for the version of an emulator."""
    printed = subprocess.run([emulator, "--version"], capture_output=True, text=True, check=True).stdout
    major = re.search(r"version (\d+)", printed)
    assert major is not None, printed
    target = folder / f"{Path(emulator).name}.so"
    command = [os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", "-o", target]
    command += [f"-DPLUGIN_VERSION={1 if int(major[1]) < 9 else 2}", HERE / "instructions.c"]
    subprocess.run(command, check=True)
    return target


def count(command: list[str], plugin: Path, name: str, units: int) -> int:
    """Return the instructions of a process that does `units` units of a workload."""
    out = plugin.with_suffix(".txt")
    command = [command[0], "-plugin", f"{plugin},out={out}", *command[1:]]
    command += [str(Path(__file__).resolve()), "--only", name, "--units", str(units)]
    # Threads of OpenBLAS would wait in a loop, which is counted too.
    environment = {**os.environ, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(command, env=environment, check=True)
    return int(out.read_text())


def main() -> None:
    """Count, and print a table in Markdown."""
    arguments = parse_arguments()
    names = arguments.only.split(",")
    if arguments.units:
        work(few_rows(WORKLOADS[names[0]]), arguments.units)
        return
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for processor in arguments.processors:
            title, _, text = processor.partition("=")
            command = shlex.split(text)
            plugin = compile_plugin(command[0], Path(folder))
            for name in names:
                workload = few_rows(WORKLOADS[name])
                calls = CALLS if workload.kind == "inference" else 1
                unit = (count(command, plugin, name, 3) - count(command, plugin, name, 1)) / 2 / calls
                each = unit / (workload.flops() / 2)
                lanes = LANES[Path(command[0]).name]
                step = unit / max(1, workload.steps_per_unit)
                lines.append([name, title, f"{step:,.0f}", f"{each:.3f}", f"{each * lanes:.2f}"])
    head = ["workload", "processor", "instructions of a step", "for each multiply-add", "times lanes"]
    print(*make_table(head, lines), sep="\n")


if __name__ == "__main__":
    main()
