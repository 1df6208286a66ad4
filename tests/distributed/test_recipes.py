"""Recipes of docs/guide/distributed-recipes.md: each program runs as a user starts it, and its models have equal bits.

Programs of engines that are not installed are skipped; `bash .ci/long recipes` installs them.
"""

import contextlib
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import warnings
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import compiled_nn as cnn
import numpy as np
import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "distributed-recipes.md"
if not PAGE.exists():
    pytest.skip("this copy of the sources has no docs", allow_module_level=True)
PROGRAMS = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S))
MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
LIMIT = 300  # seconds for a program, on a machine that has other work


def needs(*modules):
    """Mark that skips a test where a library is absent."""
    absent = [name for name in modules if find_spec(name) is None]
    return pytest.mark.skipif(bool(absent), reason=f"{', '.join(absent)} not installed")


def run(folder, name, *, before=(), change=None):
    """Run a program of the page in a folder, behind the command `before`, with one of its lines replaced."""
    text = PROGRAMS[name]
    if change:
        old, new = change
        assert text.count(old) == 1, old
        text = text.replace(old, new.replace("{folder!r}", repr(str(folder))))
    (folder / name).write_text(text, "utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment |= {"HOME": str(folder), "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    environment |= {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        [*before, sys.executable, *(["-m", "mpi4py.futures"] if before else []), name],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == 0, output[-5000:]
    return output


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Folder with the files of the customers, and customers.py as a namespace."""
    folder = tmp_path_factory.mktemp("customers")
    (folder / "customers.py").write_text(PROGRAMS["customers.py"], "utf-8")
    run(folder, "customers.py")
    return SimpleNamespace(folder=folder, **runpy.run_path(str(folder / "customers.py")))


@pytest.fixture
def folder(written, tmp_path):
    """Copy of this folder for a program."""
    return Path(shutil.copytree(written.folder, tmp_path / "run"))


@pytest.fixture(scope="module")
def local(written):
    """The model that one process trains on the same shards."""
    with contextlib.chdir(written.folder):
        parts = [partial(written.load, path) for path in written.PATHS]
        rows = cnn.distributed.ShardedRows(parts, n_shards=2, steps_per_average=8)
        return written.new_model().fit(rows)


def check_model(folder, local):
    """The model of a program has the bits of the local one."""
    model = cnn.MLPClassifier.load(folder / "model.safetensors")
    assert model.fingerprint() == local.fingerprint()
    return model


def test_every_program_is_tested():
    here = Path(__file__).read_text("utf-8")
    assert len(PROGRAMS) == 7
    assert all(f'"{name}"' in here for name in PROGRAMS)


def test_the_model_is_better_than_the_largest_class(written, local):
    with contextlib.chdir(written.folder):
        X, y = written.load(written.PATHS[0])
    assert local.score(X, y) > (y == "no").mean() + 0.01


def test_a_pool(folder, local):
    run(folder, "pool.py")
    check_model(folder, local)


def killed_once(indent, condition="True"):
    """Lines of a program that end the process that runs them, once, unless it is the driver."""
    return f"""
import os, pathlib
marker = pathlib.Path({{folder!r}}) / "killed"
if {condition} and os.getpid() != os.getsid(0) and not marker.exists():
    marker.touch()
    os.kill(os.getpid(), 9)
""".replace("\n", "\n" + " " * indent)


@needs("joblib")
def test_joblib_and_a_worker_that_is_killed(folder, local, written):
    line = "    table = cnn.datasets"
    run(folder, "customers.py", change=(line, killed_once(4, '"-2" in path') + line.strip()))
    run(folder, "with_joblib.py")
    assert (folder / "killed").exists()
    model = check_model(folder, local)
    with contextlib.chdir(written.folder):
        tables = [model.predict_proba(written.load(path)[0]) for path in written.PATHS]
    np.testing.assert_array_equal(np.load(folder / "probabilities.npy"), np.concatenate(tables))


@needs("ray", "aiohttp", "joblib", "pyarrow", "sklearn")
def test_ray_and_a_worker_that_is_killed(folder, local):
    line = "    return function(task)"
    run(folder, "with_ray.py", change=(line, killed_once(4) + line.strip()))
    assert (folder / "killed").exists()
    check_predictions(folder, check_model(folder, local))
    check_scores(folder)


@needs("pyspark", "pyarrow")
@pytest.mark.skipif(shutil.which("java") is None, reason="java is not installed")
def test_spark_and_a_worker_that_is_killed(folder, tmp_path):
    run(folder, "with_spark.py")
    net = cnn.load(folder / "network.safetensors")
    predicted = check_predictions(folder, net)
    y = np.concatenate([table["churn"] for table in tables(folder)])
    assert len(predicted) == len(y)
    X = cnn.datasets.Table.concatenate(tables(folder)).drop("customer_id", "comment", "churn")
    assert net.score(X, y) > (y == "no").mean() + 0.01
    again = Path(
        shutil.copytree(
            folder, tmp_path / "again", ignore=shutil.ignore_patterns("predicted", "*.safetensors")
        )
    )
    line = "        copy, n_rows = pickle"
    condition = "number == 1 and TaskContext.get().partitionId() == 0"
    run(again, "with_spark.py", change=(line, killed_once(8, condition) + line.strip()))
    assert (again / "killed").exists()
    assert (again / "network.safetensors").read_bytes() == (folder / "network.safetensors").read_bytes()


@needs("mpi4py")
@pytest.mark.skipif(MPIEXEC is None, reason="mpiexec is not installed")
def test_mpi(folder, local):
    run(folder, "with_mpi.py", before=[MPIEXEC, "-n", "3"])
    check_model(folder, local)


@needs("distributed", "joblib", "sklearn")
def test_dask(folder, effort):
    if not effort.long:
        pytest.skip("tests/dask has the same; with --long")
    run(folder, "with_dask.py")
    check_scores(folder)


def tables(folder):
    """The files of the customers as tables."""
    paths = sorted(folder.glob("customers-?.csv"))
    return [cnn.datasets.read_table(path, column_types={"zip": "category"}) for path in paths]


def check_predictions(folder, model):
    """The table of predictions has the labels and the probabilities of the model in this process, bit for bit."""
    import pyarrow.parquet

    found = pyarrow.parquet.read_table(folder / "predicted").to_pylist()
    expected = []
    for table in tables(folder):
        p = model.predict_proba(table.drop("customer_id", "comment", "churn"))
        expected += zip(table["customer_id"], model.classes_[p.argmax(axis=1)], *p.T.tolist(), strict=True)
    assert sorted(tuple(row.values()) for row in found) == sorted(expected)
    return found


def check_scores(folder):
    """The search over a cluster has the scores of a search in one process, bit for bit."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import GridSearchCV

    digits = cnn.datasets.load_digits()
    model = cnn.MLPClassifier(hidden_layer_sizes=(16,), max_iter=5, tol=0.0, random_state=0)
    search = GridSearchCV(model, {"learning_rate_init": [0.001, 0.01]}, cv=2, refit=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(digits.X_train, digits.y_train)
    np.testing.assert_array_equal(np.load(folder / "scores.npy"), search.cv_results_["mean_test_score"])
