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
    (
        "trian digits",
        "unknown command 'trian'; the commands are train, ",
    ),
    ("train", "DATA"),
    ("train digits --epohcs 3", "Did you mean '--epochs'?"),
    ("train digits --activation rleu", "Did you mean 'relu'?"),
    ("train digits --activation softmax", "identity, relu, sigmoid, tanh"),
    ("train digits --loss cross_entropy", "softmax_cross_entropy"),
    ("train digits --optimizer Adam", "Did you mean 'adam'?"),
    ("train digits --layers 10,0", "'10,0' is neither a list of units, such as 128,64, nor the word none"),
    ("train digits --epochs 0", "'0' is not a whole number >= 1"),
    ("train digits --epochs many", "'many' is not a whole number >= 1"),
    ("train digits --batch-size half", "neither a whole number >= 1 nor the word full"),
    ("train digits --learning-rate 0", "'0' is not a number > 0"),
    ("train digits --l2 nan", "'nan' is not a number >= 0"),
    ("train digits --scale 1/0", "'1/0' is neither a number > 0 nor a fraction"),
    ("train digits --test-fraction 1", "'1' is not a number >= 0 and < 1"),
    ("train digits --seed -1", "'-1' is not a whole number >= 0"),
    (
        "train digits --loss mse --task classification",
        "--loss mse is for regression, which contradicts --task classification",
    ),
    ("train digits --plot a.png --no-plot", "exclude each other"),
    ("train digits --scale 2 --standardize", "exclude each other"),
    ("train digits --standardize rubust", "Did you mean 'robust'?"),
    ("train digits --layers none --dropout 0.1", "--dropout applies to hidden layers"),
    ("train digits --dropout 1", "'1' is not a number >= 0 and < 1"),
    ("train digits --early-stopping 0", "'0' is not a whole number >= 1"),
    ("train digits --class-weight 1=a", "'a' is not a number >= 0"),
    ("train digits --time when", "--time applies only to tables, and DATA is 'digits'; omit --time"),
    ("train digits --interval 1", "'1' is not a number > 0 and < 1"),
    ("train digits --metric roc_auk", "Did you mean 'roc_auc'?"),
    ("train digits --class-weight even", "'even' is not among balanced"),
    ("train digits --plot a.docx", "does not end in .png or .svg or .pdf"),
    ("train digits --target 0", "--target applies only to tables, and DATA is 'digits'; omit --target"),
    ("train digits --data .", "--data applies only to mnist and fashion-mnist, and DATA is 'digits'; omit"),
    (
        "train good.csv --labels x",
        "--labels applies only to idx files, and DATA is 'good.csv'; omit --labels",
    ),
    ("train images.idx", "give the file with their labels by --labels FILE"),
    ("train images.idx --labels l.idx --test-images images.idx", "must be given together"),
    ("train values.csv --class-weight balanced", "--class-weight is for classes, but the targets are values"),
    ("train digits -o net.pt", "'net.pt' ends in .pt, but the file has the format safetensors"),
    ("train digits --layers 10 0", "'10,0' is neither a list of units"),
    ("--jsno train digits", "unrecognized arguments: --jsno. Did you mean '--json'?"),
    ("predict net digits -o out.txt", "'out.txt' does not end in .csv or .jsonl or .parquet or .npy"),
]

WRONG_DATA = [
    ("train digts", "Did you mean 'digits'?"),
    ("train nothing.csv", "'nothing.csv' is neither a file nor the name of a data set (digits, xor, mnist"),
    ("train mnist --data .", "name the folder with --data DIR"),
    ("train .", "is not a folder of an idx data set: expected files named"),
    ("train empty.csv", "the file holds no rows"),
    ("train good.csv --target knd", "Did you mean 'kind'?"),
    ("train half.csv", "--header if it has, --no-header if not"),
    (
        "train good.csv --task regression",
        "', but regression needs numbers; name a column of numbers with --target",
    ),
    ("train row.csv --early-stopping 3", "1 row to train on, so that --early-stopping can hold out no rows"),
    ("train row.csv --test-fraction 0.5", "row has 1 row, which cannot be split into training and test rows"),
    (
        "train one.csv",
        "the target 1 has the same value, 'a', in all 20 rows, so that there is nothing to learn",
    ),
    ("train one.npz", "the target has 1 class, but classification needs at least 2"),
    ("train values.npz --task classification", "is not one-hot, but classification needs one label per row"),
    ("train array.npy", "numpy.savez"),
    ("train net", "is a safetensors file, which contains a network"),
    ("train digits -o nowhere/net", "there is no folder nowhere"),
    ("train digits -o .", ". cannot be written: it is a folder"),
    ("train digits --layers 100000000000", "out of memory: "),
    ("evaluate good.csv digits", "readable network: "),
    ("evaluate nothing digits", "nothing: No such file or directory"),
    ("evaluate net xor", "xor: the data have 2 columns; the network takes 64."),
    ("evaluate narrow good.csv --part test", "good has no test part; give --part all"),
    (
        "predict net good.csv",
        "good.csv, line 1: 5 columns, and the model has no names of columns, so that they are taken by position: 64, "
        "or 65 with the target",
    ),
    ("predict values good.csv --proba", "which has no class probabilities; omit --proba"),
    ("info good.csv", "readable network: "),
]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write the files that the tables of errors name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COMPILED_NN_DATA", raising=False)
    flowers("good.csv")
    (tmp_path / "empty.csv").write_text("\n")
    (tmp_path / "half.csv").write_text("a,2,kind\n1,2,x\n")
    (tmp_path / "row.csv").write_text("1,2.5\n")
    (tmp_path / "values.csv").write_text("".join(f"{i},{i + 0.5}\n" for i in range(20)))
    (tmp_path / "one.csv").write_text("1,a\n" * 20)
    np.savez("values.npz", X=np.ones((20, 2)), y=np.full((20, 2), 0.5))
    np.savez("one.npz", X=np.ones((20, 2)), y=np.full(20, 3))
    np.save("array.npy", np.ones(3))
    write_idx("images.idx", np.ones((20, 2, 2), np.uint8))
    cnn.Network([cnn.Dense(2)]).fit(np.eye(2, 64), [0, 1], epochs=1).save("net")
    cnn.Network([cnn.Dense(2)]).fit(np.eye(2, 4), ["x", "y"], epochs=1).save("narrow")
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


def test_divergence_names_options_of_the_command_line(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("huge.npz", X=np.linspace(-1e30, 1e30, 50)[:, None], y=np.linspace(0, 1, 50))
    code, _, err = run("train", "huge.npz", "-q", "--no-plot", "--no-scale-targets")
    assert (code, err.count("\n")) == (1, 1)
    assert "--scale" in err
    assert "input_scale" not in err
    assert "standardize=True" not in err
    assert "clip_norm" not in err
