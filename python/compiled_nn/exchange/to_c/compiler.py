"""The C compiler of the computer, if there is one: it compiles the exported source, which then predicts probe rows."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess  # nosec B404
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...data.arrays import Array

_SECONDS = 300  # for one call
_DRIVER = """\
#define {upper}_SELF_TEST
#define main {name}_self_test
#include "{name}.c"
#undef main

int main(int count, char **arguments)
{{
    {real} x[{upper}_N_INPUTS], out[{upper}_N_OUTPUTS];
    (void)arguments;
    if (count > 1) {{
        return {name}_self_test();
    }}
    while (fread(x, sizeof x, 1, stdin) == 1) {{
        const double found = {name}_predict(x, out);
        double wide[{upper}_N_OUTPUTS];
        int j;
        for (j = 0; j < {upper}_N_OUTPUTS; j++) {{
            wide[j] = found < 0 ? 0.0 : (double)out[j];
        }}
        fwrite(&found, sizeof found, 1, stdout);
        fwrite(wide, sizeof wide, 1, stdout);
    }}
    return 0;
}}
"""


@dataclass(frozen=True)
class Compiler:
    """Command of a C compiler, and its version."""

    command: tuple[str, ...]
    version: str


def find_compiler() -> Compiler | None:
    """Return the compiler of the environment variable CC, or cc, gcc or clang; None if none works."""
    given = os.environ.get("CC")
    for command in [shlex.split(given)] if given else [["cc"], ["gcc"], ["clang"]]:
        path = shutil.which(command[0]) if command else None
        if path is None:
            continue
        found = _run([path, *command[1:], "--version"])
        lines = found.stdout.decode("utf-8", "replace").splitlines()
        if found.returncode == 0 and lines:
            return Compiler((path, *command[1:]), lines[0][:80])
    return None


def predict(
    compiler: Compiler, name: str, source: str, header: str, x: Array, n_outputs: int
) -> tuple[Array, Array]:
    """Compile the source, run its self-test, and return its results (m,) and outputs (m, n_outputs) for rows.

    Raises
    ------
    RuntimeError
        If the compiler refuses the source, or the program does not run or fails its self-test.
    """
    with tempfile.TemporaryDirectory(prefix="compiled-nn-") as folder:
        place = Path(folder)
        (place / f"{name}.c").write_text(source, encoding="ascii")
        (place / f"{name}.h").write_text(header, encoding="ascii")
        driver = _DRIVER.format(
            name=name, upper=name.upper(), real="float" if x.dtype == np.float32 else "double"
        )
        (place / "driver_of_rows.c").write_text(driver, encoding="ascii")
        program = str(place / "program")
        _must_run([*compiler.command, "-std=c99", "driver_of_rows.c", "-o", program, "-lm"], folder)
        _must_run([program, "self-test"], folder)
        raw = _must_run([program], folder, np.ascontiguousarray(x).tobytes())
    numbers = np.frombuffer(raw, np.float64).reshape(len(x), 1 + n_outputs)
    return numbers[:, 0].astype(int), numbers[:, 1:]


def _must_run(command: list[str], folder: str, given: bytes = b"") -> bytes:
    try:
        found = _run(command, folder, given)
    except OSError as error:
        raise RuntimeError(f"{os.path.basename(command[0])} cannot be run: {error}") from error
    if found.returncode:
        said = (found.stderr or found.stdout).decode("utf-8", "replace").strip()[:400]
        raise RuntimeError(f"{os.path.basename(command[0])} ended with {found.returncode}: {said}")
    return found.stdout


def _run(
    command: list[str], folder: str | None = None, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    # No shell: the compiler of the user, and the program that it has made.
    return subprocess.run(  # nosec B603
        command, cwd=folder, input=given, capture_output=True, timeout=_SECONDS, check=False
    )
