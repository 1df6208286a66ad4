"""The command line: what it prints, writes and returns, in this process and in processes of its own."""

import json
import os
import signal
import subprocess
import sys
import warnings

import compiled_nn as cnn
import numpy as np
import pytest
from command_line import flowers, write_idx
from compiled_nn.cli import info, main
from compiled_nn.cli.learning import material, output_files, targets

FEW = ("--layers", "16", "--epochs", "2", "--no-plot")


@pytest.fixture
def run_json(run):
    """Run a command line that must succeed with --json; return what it printed."""

    def run_json(*argv):
        code, out, err = run(*argv, "--json")
        assert code == 0, err
        assert out.count("\n") == 1
        return json.loads(out)

    return run_json


@pytest.fixture(scope="session")
def digits_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "digits.safetensors"
    assert main(["train", "digits", "-o", str(path), "--epochs", "5", "--no-plot", "-q"]) == 0
    return path


# ---- train


@pytest.mark.parametrize("seed", range(5))
def test_digits_with_the_defaults(run_json, seed):
    result = run_json("train", "digits", "--seed", seed, "--no-plot", "-q")
    assert result["test"]["accuracy"] >= 0.97
    assert result["seconds"] < 10


def test_training_report(run, folder):
    code, out, err = run("train", "digits", "--epochs", 3, "--no-plot")
    assert code == 0
    assert out.startswith("digits: 1,438 rows to train on, 359 to test with; 64 features, 10 classes\n")
    assert "network 64-128-64-10, relu, softmax_cross_entropy, input scale 0.0625" in out
    assert "test accuracy   0." in out
    assert "model           digits.safetensors" in out
    assert "█" in out
    assert max(map(len, out.splitlines())) <= 80
    assert "\033" not in out + err
    assert "\r" not in out + err
    assert err.count("\n") == 3
    assert cnn.load("digits.safetensors").n_features_ == 64
    assert os.listdir(folder) == ["digits.safetensors"]


def test_training_json(run_json):
    result = run_json("train", "digits", "--layers", "20,10", "--epochs", 3, "--no-plot")
    assert " ".join(result) == (
        "command version data task classes members sizes parameters loss optimizer learning_rate batch_size seed "
        "columns column_types left_out target rows_without_target split validation_rows validation choices standardize "
        "scale_targets patience monitor epochs best_epoch best_epochs stop_reason seconds interrupted temperature "
        "temperatures train out_of_fold test history model plot report"
    )
    assert result["sizes"] == [64, 20, 10, 10]
    assert result["epochs"] == len(result["history"]["loss"]) == 3
    assert result["interrupted"] is False
    confusion = np.array(result["test"]["confusion"])
    assert confusion.sum() == result["test"]["rows"] == 359
    assert np.trace(confusion) == round(359 * result["test"]["accuracy"])
    assert result["test"]["accuracy"] == result["history"]["val_score"][-1]


def test_quiet(run):
    assert run("train", "digits", *FEW, "-q") == (0, "", "")


def test_same_seed_same_model(run, folder):
    for name in ("one", "two"):
        run("train", "digits", *FEW, "-q", "-o", name, "--threads", 2 if name == "two" else 1)
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()


def test_options_reach_the_network(run_json):
    argv = (
        "--layers",
        "none",
        "--optimizer",
        "adamw",
        "--learning-rate",
        "0.01",
        "--l1",
        "1e-4",
        "--l2",
        "0.001",
    )
    argv += ("--dtype", "float64", "--scale", "1/32", "--seed", "7", "--batch-size", "full", "--epochs", "1")
    result = run_json("train", "digits", *argv, "--no-plot", "--test-fraction", "0.5")
    assert result["batch_size"] == result["train"]["rows"] == 1797 - result["test"]["rows"]
    assert result["test"]["rows"] == pytest.approx(1797 / 2, abs=10)
    card = run_json("info", "digits.safetensors")
    assert card["optimizer"]["name"] == "adamw"
    assert card["optimizer"]["learning_rate"] == 0.01
    assert (card["l1"], card["l2"], card["input_scale"]) == (1e-4, 0.001, 1 / 32)
    assert (card["dtype"], card["seed"], len(card["layers"])) == ("float64", 7, 1)


def test_early_stopping_keeps_the_test_part_out_of_it(run_json, run):
    argv = ("train", "digits", "--early-stopping", 3, "--epochs", 500, "--learning-rate", 0.01, "--no-plot")
    result = run_json(*argv)
    losses = result["history"]["val_loss"]
    assert result["epochs"] == len(losses) == result["best_epoch"] + 3
    assert losses[result["best_epoch"] - 1] == min(losses)
    assert (result["train"]["rows"], result["test"]["rows"]) == (1438, 359)
    net, digits = cnn.load("digits.safetensors"), cnn.datasets.load_digits()
    assert net.score(digits.X_test, digits.y_test) == result["test"]["accuracy"] > 0.95
    _, out, err = run(*argv)
    assert f"{result['epochs']} epochs; weights of the best epoch, {result['best_epoch']}\n" in out
    assert "val accuracy" in out
    assert "val accuracy" in err
    assert "test accuracy" not in err


def test_balanced_classes_and_dropout_reach_training(run_json, rng):
    X = rng.normal(size=(400, 2))
    y = (X[:, 0] + rng.normal(size=400) > 2).astype(int)
    np.savez("rare.npz", X=X, y=y)
    found = []
    for options in ((), ("--class-weight", "balanced"), ("--dropout", "0.5")):
        result = run_json("train", "rare.npz", "--layers", 8, "--epochs", 100, "--no-plot", *options)
        confusion = np.array(result["train"]["confusion"])
        found.append(confusion[1, 1] / confusion[1].sum())
        assert result["best_epoch"] is None
    assert found[1] > max(found[0], found[2])
    assert [layer.dropout for layer in cnn.load("rare.safetensors").layers] == [0.5, 0]


@pytest.mark.parametrize("method", ["robust", "standard_smooth_clip", "robust_smooth_clip", "minmax"])
def test_other_ways_to_standardize(run, run_json, method):
    run("train", "digits", *FEW, "--standardize", method)
    assert cnn.load("digits.safetensors")._configuration.standardize == method
    assert run_json("info", "digits.safetensors")["standardize"] == method
    assert f"64 features, standardised ({method})" in run("info", "digits.safetensors")[1]


@pytest.mark.parametrize("name", cnn.optimizers.OPTIMIZERS)
def test_every_optimizer(run_json, name):
    argv = ("--optimizer", name, "--batch-size", "full")
    assert run_json("train", "xor", "--epochs", 3, "--no-plot", *argv)["optimizer"] == name


@pytest.mark.parametrize("name", cnn.losses.LOSSES)
def test_every_loss(run_json, name):
    x = np.linspace(-1, 1, 60)
    y = np.arange(60) % 3 if cnn.losses.LOSSES[name].classifies else x + 2
    np.savez("data.npz", X=x[:, np.newaxis], y=y)
    result = run_json("train", "data.npz", "--loss", name, *FEW)
    assert result["loss"] == name
    assert run_json("info", "data.safetensors")["loss"] == name


def test_standardize_takes_large_features_without_a_note(run, run_json, digits_file):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2)) * [1e4, 0.01] + [5e4, 3]
    np.savez("far.npz", X=X, y=(X[:, 1] > 3).astype(int))
    train = ("train", "far.npz", "--layers", "8", "--epochs", "20", "--no-plot")
    assert "try --standardize, or --scale" in run(*train)[2]
    code, out, err = run(*train, "--standardize")
    assert (code, err.count("note:")) == (0, 0)
    assert "binary_cross_entropy, input standardised" in out
    assert run_json("evaluate", "far.safetensors", "far.npz")["accuracy"] > 0.9
    assert run_json("info", "far.safetensors")["standardize"] is True
    assert "2 features, standardised" in run("info", "far.safetensors")[1]
    assert run_json("info", digits_file)["standardize"] is False


def test_xor_has_enough_steps_and_no_test_part(run_json):
    result = run_json("train", "xor", "--no-plot", "-q")
    assert result["epochs"] == 1000
    assert result["test"] is None
    assert result["train"]["accuracy"] == 1
    assert result["loss"] == "binary_cross_entropy"
    assert result["sizes"][-1] == 1


def test_csv_of_classes(run_json):
    flowers()
    result = run_json("train", "flowers.csv", "--target", "kind", "--no-plot")
    assert result["classes"] == ["setosa", "versicolor", "virginica"]
    assert result["test"]["rows"] == 12
    assert result["test"]["accuracy"] > 0.9
    assert result["model"] == "flowers.safetensors"


def test_csv_of_values(run_json):
    x = np.linspace(-1, 1, 50)
    np.savetxt("line.csv", np.column_stack([2 * x + 1, x]), delimiter=";", fmt="%.6f")
    result = run_json("train", "line.csv", "--target", 0, "--delimiter", ";", "--no-plot", "--members", 2)
    assert (result["task"], result["loss"], result["classes"]) == ("regression", "mse", None)
    assert result["test"]["r2"] > 0.99
    assert "confusion" not in result["test"]
    evaluated = run_json("evaluate", "line.safetensors", "line.csv", "--target", 0, "--delimiter", ";")
    assert evaluated["rows"] == 50
    assert evaluated["r2"] > 0.99


def test_one_hot_targets(run_json, rng):
    y = np.arange(40) % 3
    np.savez("hot.npz", X=rng.normal(size=(40, 3)) + 5 * np.eye(3)[y], y=np.eye(3)[y])
    result = run_json("train", "hot.npz", "--no-plot")
    assert result["classes"] == [0, 1, 2]
    assert result["test"]["accuracy"] == 1
    assert run_json("evaluate", "hot.safetensors", "hot.npz")["confusion"] == np.diag([14, 13, 13]).tolist()


def test_several_values(run_json, rng):
    X = rng.normal(size=(50, 3))
    np.savez("two.npz", X=X, y=X[:, :2] * [1, -1])
    assert run_json("train", "two.npz", "--no-plot")["sizes"][-1] == 2
    assert run_json("predict", "two.safetensors", "two.npz")["columns"] == ["prediction_0", "prediction_1"]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_folder(run_json, suffix):
    digits = cnn.datasets.load_digits()
    os.mkdir("set")
    for part, X, y in (("train", digits.X_train, digits.y_train), ("t10k", digits.X_test, digits.y_test)):
        write_idx(f"set/{part}-images-idx3-ubyte{suffix}", X)
        write_idx(f"set/{part}-labels-idx1-ubyte{suffix}", y.astype(np.uint8))
    result = run_json("train", "set", "--epochs", 5, "--no-plot")
    assert (result["data"], result["model"]) == ("set", "set.safetensors")
    assert result["test"]["rows"] == 359
    assert result["test"]["accuracy"] > 0.9


def test_idx_files_by_option(run_json):
    digits = cnn.datasets.load_digits()
    write_idx("images.idx", digits.X)
    write_idx("labels.idx", digits.y.astype(np.uint8))
    result = run_json("train", "images.idx", "--labels", "labels.idx", "--epochs", 3, "--no-plot")
    assert result["train"]["rows"] + result["test"]["rows"] == 1797
    assert run_json("info", "images.safetensors")["input_scale"] == 1 / 16
    own = ("--test-images", "images.idx", "--test-labels", "labels.idx", *FEW)
    assert run_json("train", "images.idx", "--labels", "labels.idx", *own)["test"]["rows"] == 1797
    assert run_json("predict", "images.safetensors", "images.idx")["rows"] == 1797


def test_whole_numbers_classes_or_values():
    assert targets.is_classification(np.arange(100) % 7, "auto", None)
    assert not targets.is_classification(np.arange(100), "auto", None)
    assert not targets.is_classification(np.arange(100) % 7, "regression", None)
    assert not targets.is_classification(np.arange(100) % 7, "auto", "mse")
    assert targets.is_classification(np.arange(100), "auto", "softmax_cross_entropy")
    assert not targets.is_classification(np.arange(100) % 7 / 2, "auto", None)


def test_a_network_is_replaced_and_nothing_else(run, folder):
    (folder / "notes.txt").write_text("mine")
    code, _, err = run("train", "digits", *FEW, "-o", "notes.txt")
    assert code == 1
    assert "overwrite" in err
    assert (folder / "notes.txt").read_text() == "mine"
    run("train", "digits", *FEW, "-o", "net")
    before = (folder / "net").read_bytes()
    assert run("train", "digits", *FEW, "-o", "net", "--seed", 3)[0] == 0
    assert (folder / "net").read_bytes() != before


def test_divergence_writes_nothing(run, folder):
    code, _, err = run("train", "digits", "--learning-rate", 1e30)
    assert code == 1
    assert "--learning-rate" in err
    assert os.listdir(folder) == []


def test_large_features_are_noted(run):
    X = np.arange(40.0).reshape(20, 2) * 1000
    np.savez("large.npz", X=X, y=np.arange(20) % 2)
    assert "--scale 2.56e-05" in run("train", "large.npz", *FEW)[2]
    assert "--scale" not in run("train", "large.npz", *FEW, "--scale", "1e-5")[2]


def test_options_before_the_command(run, digits_file):
    expected = run("info", digits_file, "--json")
    assert expected[0] == 0
    assert run("--json", "info", digits_file) == expected
    result = run("evaluate", digits_file, "digits", "--threads", 1, "--json")
    assert run("--threads", 1, "--json", "evaluate", digits_file, "digits") == result
    assert run("--version", "info")[1] == f"compiled-nn {cnn.__version__}\n"


def test_an_option_does_not_take_the_data(run_json):
    flowers()
    for argv in (
        ("--standardize", "flowers.csv", "--layers", "6", "4", "--epochs", "2"),
        ("--layers", "6", "4", "flowers.csv", "--epochs", "2", "--standardize"),
        ("--layers", "6,", "4", "flowers.csv", "--epochs", "2", "--standardize", "standard"),
    ):
        assert run_json("train", *argv, "--no-plot")["sizes"] == [4, 6, 4, 3]
        assert run_json("info", "flowers.safetensors")["standardize"] is True


def test_warnings_are_notes(run, monkeypatch):
    def warn(options):
        warnings.warn("first\n second", cnn.CompiledNNWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(info, "run", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert run("info", "net") == (0, "", "note: first second\n")


# ---- the file of the loss curve


def test_curve_file(run_json, folder):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    result = run_json("train", "digits", "--layers", "16", "--epochs", "2", "-o", "net.safetensors")
    assert result["plot"] == "net-loss.png"
    assert (folder / "net-loss.png").read_bytes().startswith(b"\x89PNG")
    assert run_json("train", "digits", "--epochs", "1", "--plot", "curve.svg")["plot"] == "curve.svg"
    assert b"<svg" in (folder / "curve.svg").read_bytes()


def test_without_matplotlib(run, run_json, folder, monkeypatch):
    monkeypatch.setattr(output_files, "find_spec", lambda name: None)
    assert run_json("train", "digits", "--epochs", "1")["plot"] is None
    code, _, err = run("train", "digits", "--epochs", "1", "--plot", "curve.png")
    assert code == 1
    assert 'pip install "compiled-nn[plot]"' in err
    assert os.listdir(folder) == ["digits.safetensors"]


def test_broken_matplotlib_costs_nothing_but_the_file(run, monkeypatch):
    monkeypatch.setattr(output_files, "find_spec", lambda name: True)
    for module in ("matplotlib", "matplotlib.ticker"):
        monkeypatch.setitem(sys.modules, module, None)
    code, out, err = run("train", "digits", "--epochs", "1")
    assert code == 0
    assert "model           digits.safetensors" in out
    assert "note: the loss curve was not drawn: " in err


# ---- predict, evaluate, info


def test_predict_to_stdout(run, digits_file):
    code, out, err = run("predict", digits_file, "digits")
    net, digits = cnn.load(digits_file), cnn.datasets.load_digits()
    assert (code, err) == (0, "")
    assert out.split() == ["prediction", *map(str, net.predict(digits.X_test))]


def test_predict_probabilities(run, digits_file):
    net, digits = cnn.load(digits_file), cnn.datasets.load_digits()
    expected = net.predict_proba(digits.X_train)
    code, out, _ = run("predict", digits_file, "digits", "--proba", "-o", "p.csv", "--part", "train")
    assert (code, out) == (0, "predictions for 1,438 rows (train) written to p.csv\n")
    with open("p.csv") as file:
        assert file.readline() == ",".join(f"probability_{i}" for i in range(10)) + "\n"
        assert np.array_equal(np.loadtxt(file, delimiter=",", dtype=np.float32), expected)
    run("predict", digits_file, "digits", "--proba", "-o", "p.npy", "--part", "train")
    assert np.array_equal(np.load("p.npy"), expected)


def test_predict_with_and_without_the_target(run, run_json):
    flowers()
    flowers("new.csv", target=False)
    run("train", "flowers.csv", "--no-plot", "-q")
    answers = [
        run_json("predict", "flowers.safetensors", "flowers.csv"),
        run_json("predict", "flowers.safetensors", "flowers.csv", "--target", "kind"),
        run_json("predict", "flowers.safetensors", "new.csv"),
    ]
    assert answers[0]["predictions"] == answers[1]["predictions"] == answers[2]["predictions"]
    assert set(answers[0]["predictions"]) == {"setosa", "versicolor", "virginica"}
    assert " ".join(answers[0]) == "command version model data part rows columns predictions output"
    assert run("predict", "flowers.safetensors", "new.csv", "-o", "kinds.npy")[0] == 0
    assert np.load("kinds.npy").tolist() == answers[0]["predictions"]


def test_evaluate(run, run_json, digits_file):
    result = run_json("evaluate", digits_file, "digits", "--threads", 1)
    net, digits = cnn.load(digits_file), cnn.datasets.load_digits()
    assert result["accuracy"] == net.score(digits.X_test, digits.y_test)
    assert result["loss"] == net.loss(digits.X_test, digits.y_test)
    assert (result["part"], result["rows"], result["classes"]) == ("test", 359, list(range(10)))
    assert run_json("evaluate", digits_file, "digits", "--part", "all")["rows"] == 1797
    code, out, _ = run("evaluate", digits_file, "digits")
    assert code == 0
    assert f"accuracy  {result['accuracy']:.4f}" in out
    most = np.unique(digits.y_test, return_counts=True)[1].max()
    assert f"baseline  {most / 359:.4f} (the most frequent class for every row)" in out
    assert out.splitlines()[5].split() == ["true", *"0123456789", "correct"]


def test_info(run, run_json, digits_file):
    card = run_json("info", digits_file)
    assert card["classes"] == list(range(10))
    assert card["parameters"] == sum(layer["parameters"] for layer in card["layers"]) == 17226
    assert [layer["activation"] for layer in card["layers"]] == ["relu", "relu", "softmax"]
    assert (card["n_features"], card["loss"]) == (64, "softmax_cross_entropy")
    assert (card["written_by"], card["format_version"]) == (cnn.__version__, 4)
    code, out, _ = run("info", digits_file)
    assert code == 0
    assert "classification, 10 classes" in out
    assert "parameters    17,226 of type float32" in out


def test_info_of_a_network_from_python(run_json):
    net = cnn.Network([cnn.Dense(2, "tanh", bias=False), cnn.Dense(1)], loss="mse")
    net.set_weights([(np.ones((3, 2)), None), (np.ones((2, 1)), np.zeros(1))])
    net.save("net")
    card = run_json("info", "net")
    assert (card["classes"], card["task"]) == (None, "regression")
    assert [layer["bias"] for layer in card["layers"]] == [False, True]


def test_info_of_a_network_of_many_options(run, run_json):
    layers = [cnn.Dense(4, "relu", norm="batch"), cnn.Dense(1)]
    net = cnn.Network(layers, loss=cnn.losses.Huber(0.2), categorical_features=[0], seed=0)
    X = [["a", 0.0], ["b", 1.0], ["c", 2.0]]
    net.fit(X, [1.0, 2.0, 3.0], epochs=1, batch_size="full").save("net")
    card = run_json("info", "net")
    assert (card["n_features"], card["layers"][0]["inputs"]) == (2, 4)
    assert sum(layer["parameters"] for layer in card["layers"]) == card["parameters"]
    assert card["loss"] == {"name": "huber", "delta": 0.2}
    assert "loss          huber, delta 0.2\n" in run("info", "net")[1]


# ---- processes of their own


def start(environment, *argv, **options):
    words = [sys.executable, "-m", "compiled_nn", *argv]
    return subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_as_a_module(environment):
    child = start(environment, "train", "digits", "--json", *FEW)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert json.loads(out)["epochs"] == 2
    assert "epoch 2/2" in err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_saves_the_last_whole_step(environment):
    child = start(environment, "train", "digits", "--json", "--epochs", "1000000", "--no-plot")
    assert child.stderr.readline().startswith("epoch ")
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    result = json.loads(out)
    assert result["interrupted"] is True
    assert "Traceback" not in err
    assert "the weights of the last complete step are saved in digits.safetensors" in err
    digits = cnn.datasets.load_digits()
    assert result["train"] is result["test"] is result["plot"] is None
    assert len(result["history"]["epoch"]) == result["epochs"] >= 1
    assert cnn.load("digits.safetensors").score(digits.X_test, digits.y_test) > 0.3


def test_ctrl_c_before_training(run, folder, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(material, "load", interrupt)
    assert run("train", "digits") == (130, "", "compiled-nn: interrupted\n")
    assert os.listdir(folder) == []


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise on Windows")
def test_broken_pipe_is_quiet(environment, digits_file):
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "compiled_nn", "info", str(digits_file)]
    done = subprocess.run(words, env=environment, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
