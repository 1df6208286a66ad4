"""Columns and files that change between training and prediction: the same answers, or a refusal by name."""

import csv
import gzip
import io
import re

import compiled_nn as cnn
import numpy as np
import pytest
from command_line import outcome
from compiled_nn.datasets import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROWS = 120
USED = ("amount", "age", "city", "zip", "joined")
LEFT_OUT = ("customer", "country")
EXTRAS = ("Age", "amounts", "comment", "7", "Churn")
DATE_FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d")


def columns_of_training():
    rng = np.random.default_rng(4)
    days = rng.integers(0, 1500, ROWS).astype("timedelta64[D]")
    amount = rng.normal(2000, 900, ROWS).round(2)
    amount[rng.random(ROWS) < 0.1] = np.nan
    return {
        "customer": np.array([f"C-{i:05}" for i in rng.permutation(ROWS)], dtype=object),
        "amount": amount,
        "age": rng.integers(18, 80, ROWS),
        "city": np.array(["Ulm", "Köln", "Rom; Ost", "New York, NY", None], dtype=object)[
            rng.integers(0, 5, ROWS)
        ],
        "zip": np.array(["01067", "89073", "00118"], dtype=object)[rng.integers(0, 3, ROWS)],
        "joined": (np.datetime64("2019-03-01") + days).astype("datetime64[us]"),
        "country": np.full(ROWS, "EU", dtype=object),
    }


COLUMNS = columns_of_training()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Path of a model, and its probabilities for the table of training."""
    path = str(tmp_path_factory.mktemp("model") / "churn.safetensors")
    table, types = Table(COLUMNS), dict.fromkeys(LEFT_OUT, "ignore")
    y = np.where(np.nan_to_num(COLUMNS["amount"], nan=2000) + 20 * COLUMNS["age"] > 3000, "yes", "no")
    net = cnn.Network(
        [cnn.Dense(16, "tanh"), cnn.Dense(2)],
        categorical_features="auto",
        column_types=types,
        standardize=True,
        optimizer=cnn.Adam(0.01),
        seed=0,
    ).fit(table, y, epochs=30)
    net.save(path)
    return path, net.predict_proba(table)


def text_of(value, decimal, date_format):
    if value is None or value != value:
        return ""
    if isinstance(value, np.datetime64):
        return value.item().strftime(date_format)
    return str(value).replace(".", decimal) if isinstance(value, float) else str(value)


def csv_of(columns, names, delimiter, decimal, date_format):
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(names)
    cells = [[text_of(value, decimal, date_format) for value in columns[name]] for name in names]
    writer.writerows(zip(*cells, strict=True))
    return file.getvalue()


@st.composite
def changes(draw):
    """Return the names of a file, those of its columns in training, and its dialect."""
    names = [*USED, *(name for name in LEFT_OUT if draw(st.booleans()))]
    names += draw(st.lists(st.sampled_from(EXTRAS), unique=True, max_size=3))
    names += ["churn"] * draw(st.booleans())
    if draw(st.integers(0, 3)) == 0:
        names.remove(draw(st.sampled_from(USED)))
    renamed = {}
    if draw(st.integers(0, 3)) == 0:
        old = draw(st.sampled_from([name for name in names if name in USED]))
        new = draw(st.sampled_from([f"{old}s", f"{old} 2", old.title() + "x"]))
        renamed[new] = old
        names[names.index(old)] = new
    delimiter, decimal = draw(st.sampled_from([(",", "."), (";", ","), (";", "."), ("\t", ","), ("|", ".")]))
    return draw(st.permutations(names)), renamed, delimiter, decimal, draw(st.sampled_from(DATE_FORMATS))


def probabilities(out):
    head, *rows = out.splitlines()
    assert head == "probability_no,probability_yes"
    return np.array([row.split(",") for row in rows], np.float32)


def others():
    rng = np.random.default_rng(5)
    texts = np.array([f"word {i}" for i in range(ROWS)], dtype=object)
    return {
        "churn": texts,
        **{name: rng.normal(size=ROWS) if i % 2 else texts for i, name in enumerate(EXTRAS)},
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    change=changes(), form=st.sampled_from(["csv", "csv.gz", "utf-16", "cp1252", "stdin", "parquet", "arrow"])
)
def test_the_same_answers_or_a_refusal_by_name(change, form, model, folder, capsys, monkeypatch):
    path, expected = model
    names, renamed, delimiter, decimal, date_format = change
    held = {**COLUMNS, **others(), **{new: COLUMNS[old] for new, old in renamed.items()}}
    file, options = f"new.{form}", []
    text = csv_of(held, names, delimiter, decimal, date_format)
    if form in ("parquet", "arrow"):
        pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        table = pyarrow.table({name: pyarrow.array(held[name], from_pandas=True) for name in names})
        write_arrow(table, file, form)
    elif form == "stdin":
        file = "-"
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    else:
        encoding = form if form in ("utf-16", "cp1252") else "utf-8"
        options = ["--encoding", encoding] * (encoding == "cp1252")
        content = text.encode(encoding)
        (folder / file).write_bytes(gzip.compress(content) if form == "csv.gz" else content)
    code, out, err = outcome(capsys, "predict", path, file, "--proba", *options)
    missing = set(USED) - set(names)
    if missing:
        assert (code, out) == (1, "")
        assert re.search(f"no column is named {next(iter(missing))!r}|are missing: ", err)
        assert all(repr(name) in err for name in missing)
    elif code:
        assert date_format in ("%m/%d/%Y", "%d/%m/%Y")
        assert "'joined'" in err or "column " in err
        assert "--date-format" in err
    else:
        assert np.array_equal(probabilities(out), expected)
        unused = [name for name in names if name not in (*USED, *LEFT_OUT)]
        assert ("not used" in err) == bool(unused)
        assert all(repr(name) in err for name in unused)


def write_arrow(table, path, form):
    if form == "parquet":
        from pyarrow import parquet

        parquet.write_table(table, path)
        return
    import pyarrow

    with pyarrow.ipc.new_file(path, table.schema) as file:
        file.write_table(table)
