"""Names of columns that are numbers: whether the first line of a file has them, on the command line."""

import numpy as np
import pytest
from compiled_nn import Dense, Network

pandas = pytest.importorskip("pandas", reason="pandas is not installed")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).round(3)
Y = (X[:, 0] > X[:, 2]).astype(int)


def model(names, values=X):
    frame = pandas.DataFrame(values, columns=pandas.Index(names, dtype=object))
    net = Network([Dense(8, "relu"), Dense(2)], seed=0).fit(frame, Y, epochs=5)
    net.save("net.safetensors")
    return net, frame


def predicted(run, *options):
    code, out, err = run("predict", "net.safetensors", "rows.csv", *options)
    assert code == 0, err
    return [int(cell) for cell in out.split()[1:]]


@pytest.mark.parametrize(
    "names", [[2001, 2002, 2003], [2003, 2001, 7], ["2001", "2002", "2003"], [0, 2, 1], [0.5, 1.5, 2.5]]
)
@pytest.mark.parametrize("quoting", [0, 1, 2])
def test_a_header_of_numbers(run, folder, names, quoting):
    net, frame = model(names)
    for order in ([0, 1, 2], [2, 0, 1]):
        frame.iloc[:, order].to_csv("rows.csv", index=False, quoting=quoting)
        assert predicted(run) == net.predict(X).tolist()
    frame.to_csv("rows.csv", index=False, header=False, quoting=quoting)
    assert predicted(run) == net.predict(X).tolist()


def test_values_that_are_names(run, folder):
    values = RNG.integers(0, 4, size=(60, 3))
    net, _ = model([0, 2, 1], values)
    for first in ([3, 1, 1], [0, 3, 3], [0, 0, 0]):
        rows = np.vstack([first, values])
        pandas.DataFrame(rows).to_csv("rows.csv", index=False, header=False)
        assert predicted(run) == net.predict(rows).tolist()
    rows = np.vstack([[3, 0, 1], values])  # two names of three, and a number that is none
    pandas.DataFrame(rows).to_csv("rows.csv", index=False, header=False)
    code, out, err = run("predict", "net.safetensors", "rows.csv")
    assert (code, out) == (1, "")
    assert (
        "rows.csv, line 1, column 2: '0' is the name of a column, or a number, so that it is not clear" in err
    )
    assert "--no-header" in err
    assert predicted(run, "--no-header") == net.predict(rows).tolist()


def test_a_single_column_of_numbers(run, folder):
    net, _ = model([1], X[:, :1])
    for text, expected in (("1\n0.5\n0.7\n", [[0.5], [0.7]]), ("2\n0.5\n0.7\n", [[2], [0.5], [0.7]])):
        (folder / "rows.csv").write_text(text)
        assert predicted(run) == net.predict(np.array(expected)).tolist()
    (folder / "rows.csv").write_text("1\n0.5\n1\n")
    code, _, err = run("predict", "net.safetensors", "rows.csv")
    assert code == 1
    assert "line 1, column 1: '1' is the name of a column, or a number" in err


def test_training_on_a_header_of_numbers(run, folder):
    pandas.DataFrame(np.column_stack([X, Y])).to_csv("rows.csv", index=False)
    code, _, err = run("train", "rows.csv", "--epochs", 1, "--no-plot", "-q")
    assert code == 1
    assert (
        "rows.csv, line 1: the numbers 0, 1, 2, 3 may be the names of the columns, or the first row; pass --header if"
        in err
    )
    assert run("train", "rows.csv", "--epochs", 1, "--no-plot", "-q", "--header")[0] == 0
    assert run("evaluate", "rows.safetensors", "rows.csv", "--part", "all")[0] == 0
