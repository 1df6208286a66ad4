"""Runs of the command line in this process, and files for it to read."""

import gzip

import numpy as np
from compiled_nn.cli import main


def outcome(capsys, *argv):
    """Run a command line; return its exit code, stdout and stderr."""
    try:
        code = main([str(word) for word in argv])
    except SystemExit as stop:
        code = stop.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def flowers(path="flowers.csv", *, target=True, rows=60):
    """Write a CSV file with three well separated classes; return the label of each row."""
    rng = np.random.default_rng(5)
    kinds = np.arange(rows) % 3
    X = rng.normal(size=(rows, 4)) + 4 * kinds[:, np.newaxis]
    names = np.array(["setosa", "versicolor", "virginica"])[kinds]
    with open(path, "w") as file:
        file.write("a,b,c,d" + ",kind" * target + "\n")
        for row, name in zip(X, names, strict=True):
            file.write(",".join(f"{x:.3f}" for x in row) + f",{name}" * target + "\n")
    return names


def write_idx(path, array, code=0x08):
    """Write an IDX file, compressed if its name ends with .gz."""
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "wb") as file:
        sizes = np.array(array.shape, ">u4").tobytes()
        file.write(bytes([0, 0, code, array.ndim]) + sizes + array.tobytes())
