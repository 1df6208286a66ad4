"""The command line on wrong usage and wrong data: one line that says what is wrong, the right exit code."""

import os
from functools import partial

import compiled_nn as cnn
import numpy as np
import pytest
from command_line import flowers, outcome, write_idx


@pytest.fixture
def run(capsys):
    return partial(outcome, capsys)


WRONG_USAGE = [
    ("", "COMMAND"),
    ("trian digits", "'train'"),
    ("train", "DATA"),
    ("train digits --epohcs 3", "Did you mean '--epochs'?"),
    ("train digits --activation rleu", "Did you mean 'relu'?"),
    ("train digits --activation softmax", "identity, relu, sigmoid, tanh"),
    ("train digits --loss cross_entropy", "softmax_cross_entropy"),
    ("train digits --optimizer Adam", "Did you mean 'adam'?"),
    ("train digits --layers 10,0", "'10,0' is not a list of units"),
    ("train digits --epochs 0", "'0' is not a whole number >= 1"),
    ("train digits --epochs many", "'many' is not a whole number >= 1"),
    ("train digits --batch-size half", "neither a whole number >= 1 nor full"),
    ("train digits --learning-rate 0", "'0' is not a number > 0"),
    ("train digits --l2 nan", "'nan' is not a number >= 0"),
    ("train digits --scale 1/0", "'1/0' is neither a number > 0 nor a fraction"),
    ("train digits --test-fraction 1", "'1' is not a number >= 0 and < 1"),
    ("train digits --seed -1", "'-1' is not a whole number >= 0"),
    ("train digits --loss mse --task classification", "--loss mse is for regression"),
    ("train digits --plot a.png --no-plot", "exclude each other"),
    ("train digits --scale 2 --standardize", "exclude each other"),
    ("train digits --standardize rubust", "Did you mean 'robust'?"),
    ("train digits --layers none --dropout 0.1", "--dropout is for hidden layers"),
    ("train digits --dropout 1", "'1' is not a number >= 0 and < 1"),
    ("train digits --early-stopping 0", "'0' is not a whole number >= 1"),
    ("train digits --class-weight even", "'even' is not among balanced"),
    ("train digits --plot a.docx", "does not end in .png or .svg or .pdf"),
    ("train digits --target 0", "--target is for CSV files, which digits is not"),
    ("train digits --data .", "--data is for mnist and fashion-mnist, which digits is not"),
    ("train good.csv --labels x", "--labels is for idx files"),
    ("train images.idx", "give their labels by --labels FILE"),
    ("train images.idx --labels l.idx --test-images images.idx", "go together"),
    ("predict net digits -o out.txt", "'out.txt' does not end in .csv or .npy"),
]

WRONG_DATA = [
    ("train digts", "Did you mean 'digits'?"),
    ("train nothing.csv", "there is no file 'nothing.csv'"),
    ("train mnist --data .", "--data DIR"),
    ("train .", "is no idx set"),
    ("train empty.csv", "the file holds no rows"),
    ("train good.csv --target knd", "Did you mean 'kind'?"),
    ("train half.csv", "give --header"),
    ("train good.csv --task regression", "the target is text, such as"),
    ("train rare.csv", "give --test-fraction 0"),
    ("train one.csv", "the target has 1 class; classification takes at least 2"),
    ("train values.npz --task classification", "is not one-hot"),
    ("train array.npy", "numpy.savez"),
    ("train net", "a network, not data"),
    ("train digits -o nowhere/net", "there is no folder nowhere"),
    ("train digits -o .", "cannot be written"),
    ("train digits --layers 100000000000", "out of memory"),
    ("evaluate good.csv digits", "is not a readable network"),
    ("evaluate nothing digits", "nothing: No such file or directory"),
    ("evaluate net xor", "X has 2 columns; the network takes 64."),
    ("evaluate net good.csv --part test", "good has no test part"),
    ("predict net good.csv", "is not a number"),
    ("predict values good.csv --proba", "predicts values"),
    ("info good.csv", "is not a readable network"),
]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write the files that the tables of errors name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COMPILED_NN_DATA", raising=False)
    flowers("good.csv")
    (tmp_path / "empty.csv").write_text("\n")
    (tmp_path / "half.csv").write_text("a,2,kind\n1,2,x\n")
    (tmp_path / "rare.csv").write_text("1,a\n" * 20 + "1,b\n")
    (tmp_path / "one.csv").write_text("1,a\n" * 20)
    np.savez("values.npz", X=np.ones((20, 2)), y=np.full((20, 2), 0.5))
    np.save("array.npy", np.ones(3))
    write_idx("images.idx", np.ones((20, 2, 2), np.uint8))
    cnn.Network([cnn.Dense(2)]).fit(np.eye(2, 64), [0, 1], epochs=1).save("net")
    cnn.Network([cnn.Dense(1)], loss="mse").fit([[1.0] * 4], [1.0]).save("values")


@pytest.mark.parametrize(("words", "message"), WRONG_USAGE)
def test_wrong_usage(run, files, words, message):
    code, out, err = run(*words.split())
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("words", "message"), WRONG_DATA)
def test_wrong_data(run, files, words, message):
    before = sorted(os.listdir())
    code, out, err = run(*words.split(), *(["-q"] if words.startswith("train") else []))
    assert (code, out) == (1, "")
    assert err.startswith("compiled-nn: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert sorted(os.listdir()) == before


def test_version_and_help(run):
    assert run("--version") == (0, f"compiled-nn {cnn.__version__}\n", "")
    code, out, _ = run("--help")
    assert code == 0
    assert "examples:" in out
    for command in ("train", "predict", "evaluate", "info"):
        code, out, _ = run(command, "--help")
        assert code == 0
        assert max(map(len, out.splitlines())) <= 80
