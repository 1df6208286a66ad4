"""Wrong values in the documents of estimators: each is a ValueError that names the file, the field and the value."""

import io
import json
import re

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import cli
from compiled_nn.callbacks import Checkpoint
from compiled_nn.optimizers.registry import to_config
from containers import ESTIMATOR, split, with_document, with_number, with_value
from small import blobs

X, INDICES = blobs()
NAMES = np.array(["a", "bb", "ccc"])[INDICES]
COMMON = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
STOPPED = {"early_stopping": True, "validation_fraction": 0.3}


def content_of(model):
    buffer = io.BytesIO()
    model.save(buffer)
    return buffer.getvalue()


CLASSIFIER = content_of(cnn.MLPClassifier(**COMMON, **STOPPED).fit(X, NAMES))
REGRESSOR = content_of(cnn.MLPRegressor(**COMMON, **STOPPED).fit(X, X[:, 0]))
NUMBERS = content_of(cnn.MLPClassifier(**COMMON).fit(X, INDICES.astype(np.int64)))

COUNTS = ("x", -1, None, [1], 1.0, 2**53 + 1, True, {"float": "nan"})
NOT_REAL = ("x", True, [0.5], {"float": "x"}, {"float": []}, 10**400, {"items": []})
CURVES = ("x", 1.0, {"tensor": "x"}, {"tensor": []}, {"tensor": "losses", "x": 1}, [{"float": "nan"}], ["x"])
ATTRIBUTES = {
    "n_features_in_": (*COUNTS, 0, 5),
    "n_iter_": COUNTS,
    "t_": COUNTS,
    "stop_reason_": (1, [], True, "x" * 1001, "\ud800"),
    "loss_": (*NOT_REAL, None, {"float": "inf"}),
    "loss_curve_": (*CURVES, None),
    "best_loss_": (*NOT_REAL, {"float": "nan"}, {"float": "-inf"}),
    "best_iter_": COUNTS,
    "best_validation_score_": NOT_REAL,
    "validation_scores_": CURVES[:-2],
    "_label_dtype": (
        *(None, 5, [], "", "<U2", "<i8", "<U", "zzz", "<U3\n", "<M8", "<V8", "<c8", "U999999999999", "<S3"),
        *("i3", "<u\u0664", "{'names': ['a'], 'formats': ['<U3']}", "<U3,<U3", "(2,)<U3"),
    ),
}
PROGRESS = {
    "best_loss": (*NOT_REAL, None, {"float": "nan"}, {"float": "-inf"}),
    "best_score": (*NOT_REAL, None, {"float": "nan"}),
    "best_epoch": (*COUNTS, 4),
    "stale": (*COUNTS, 4),
    "rows_seen": COUNTS,
    "dropped": COUNTS,
}
WRONG = [
    (part, name, value)
    for part, table in (("attributes", ATTRIBUTES), ("progress", PROGRESS))
    for name, values in table.items()
    for value in values
]


def test_every_field_has_wrong_values():
    document = json.loads(split(CLASSIFIER)[0]["__metadata__"][ESTIMATOR])
    assert document["attributes"].keys() == ATTRIBUTES.keys()
    assert document["progress"].keys() == PROGRESS.keys()


@pytest.mark.parametrize(
    ("part", "name", "value"), WRONG, ids=[f"{name}-{i}" for i, (_, name, _) in enumerate(WRONG)]
)
def test_wrong_values(part, name, value, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(with_value(CLASSIFIER, ESTIMATOR, (part, name), value))
    with pytest.raises(ValueError, match=rf"model\.safetensors is not a readable network: .*{name}"):
        cnn.MLPClassifier.load(path)


def test_the_value_is_shown():
    with pytest.raises(ValueError, match=r"progress.stale is 7; expected at most 3, the number of epochs"):
        cnn.MLPClassifier.load(with_value(CLASSIFIER, ESTIMATOR, ("progress", "stale"), 7))
    with pytest.raises(
        ValueError, match=r"attributes.t_ is -1; expected an integer from 0 to 9007199254740992"
    ):
        cnn.MLPClassifier.load(with_value(CLASSIFIER, ESTIMATOR, ("attributes", "t_"), -1))
    with pytest.raises(
        ValueError, match=r"attributes.loss_ is \[0, 0, .{40,60}\.\.\.; expected a finite number"
    ):
        cnn.MLPClassifier.load(with_value(CLASSIFIER, ESTIMATOR, ("attributes", "loss_"), [0] * 10**5))


@pytest.mark.parametrize("value", ["<f4", "<f2", "|b1", ">i4", "|O", "<f16"])
def test_dtypes_of_y_of_a_regressor(value):
    model = cnn.MLPRegressor.load(with_value(REGRESSOR, ESTIMATOR, ("attributes", "_label_dtype"), value))
    assert model.predict(X).shape == (len(X),)
    with pytest.raises(ValueError, match="_label_dtype is '<U3'; expected a dtype of numbers"):
        cnn.MLPRegressor.load(with_value(REGRESSOR, ESTIMATOR, ("attributes", "_label_dtype"), "<U3"))


@pytest.mark.parametrize("value", ["|i1", ">i2", "<f2", "|O", "<u8"])
def test_dtypes_that_hold_the_labels(value):
    model = cnn.MLPClassifier.load(with_value(NUMBERS, ESTIMATOR, ("attributes", "_label_dtype"), value))
    assert model.classes_.dtype == model.predict(X).dtype == np.dtype(value)
    assert model.classes_.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="expected a dtype that holds the classes, such as '<i8'"):
        cnn.MLPClassifier.load(with_value(NUMBERS, ESTIMATOR, ("attributes", "_label_dtype"), "|b1"))


def test_a_wide_dtype_of_text_takes_the_width_of_the_labels():
    """Each predicted row would otherwise take 40 MB."""
    wide = with_value(CLASSIFIER, ESTIMATOR, ("attributes", "_label_dtype"), "<U10000000")
    assert cnn.MLPClassifier.load(wide).predict(X).dtype == np.dtype("<U3")
    usual = with_value(CLASSIFIER, ESTIMATOR, ("attributes", "_label_dtype"), "<U50")
    assert cnn.MLPClassifier.load(usual).predict(X).dtype == np.dtype("<U50")


@pytest.mark.parametrize("name", [*ATTRIBUTES, *PROGRESS])
def test_missing_fields(name):
    part = "attributes" if name in ATTRIBUTES else "progress"
    content = with_document(CLASSIFIER, ESTIMATOR, lambda document: document[part].pop(name) and None)
    if name in (
        "best_loss_",
        "best_iter_",
        "best_validation_score_",
        "validation_scores_",
    ):  # not with "lbfgs"
        assert cnn.MLPClassifier.load(content).n_iter_ == 3
        return
    with pytest.raises(ValueError, match=re.escape(f"{part} lacks ['{name}']")):
        cnn.MLPClassifier.load(content)


@pytest.mark.parametrize("tensor", ["losses", "scores"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_curves(tensor, number):
    content = with_number(CLASSIFIER, f"training.estimator.{tensor}", number)
    if tensor == "scores":  # a score may be NaN, which counts as worse than any other
        assert np.isnan(cnn.MLPClassifier.load(content).validation_scores_[0]) == np.isnan(number)
        return
    with pytest.raises(ValueError, match="losses has a loss that is not finite"):
        cnn.MLPClassifier.load(content)


PARAMETERS = {
    "hidden_layer_sizes": ("x", [0], [-1], [1.5], None, True),
    "activation": ("x", 1, [["relu"]]),
    "solver": ("x", 1),
    "alpha": (-1, "x", {"float": "inf"}, 10**400),
    "max_iter": (-1, 0.5, "x"),
    "n_iter_no_change": (0, "x"),
    "standardize": ("x", 1),
    "categorical_features": ("x", [[]], [-1]),
    "column_types": ("x", 1, [["a"]], [["a", "text"]], {"items": [["a", "text"]]}),
    "embeddings": ("x", [1], 0),
    "metrics": ("x", 1, [1], ["x"]),
    "monitor": (1, "x"),
    "dropout": ("x", 1, [0.5, 0.5]),
    "init": ("x", 1),
    "layer_rates": (1, ["x"]),
    "optimizer": ("x", 1, {"optimizer": {"name": "x"}}, {"optimizer": []}),
    "schedule": (1, {"schedule": {"name": "x"}}),
    "averaging": (1, {"averaging": 2.5}),
    "callbacks": ([1], {"items": [[1, 2]]}),
    "n_threads": (0, "x"),
    "loss": ("x", "mse", 1, {"loss": {"name": "x"}}),
    "label_smoothing": (1, "x"),
    "verbose": ("x", -1, 0.5),
    "ema": (1, "x", 0),
    "unknown": (1,),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name):
    for value in PARAMETERS[name]:
        with pytest.raises(ValueError, match="is not a readable network"):
            cnn.MLPClassifier.load(with_value(CLASSIFIER, ESTIMATOR, ("parameters", name), value))


def test_an_estimator_of_the_other_kind():
    content = CLASSIFIER.replace(b"MLPClassifier", b"MLPRegressor ").replace(
        b'MLPRegressor \\"', b'MLPRegressor\\" '
    )
    with pytest.raises(ValueError, match="its network predicts classes, which does not match a regressor"):
        cnn.MLPRegressor.load(content)


def test_checkpoints_of_estimators(tmp_path):
    path = tmp_path / "model.ckpt.safetensors"
    cnn.MLPClassifier(**COMMON, callbacks=[Checkpoint(path)]).fit(X, NAMES)
    content = path.read_bytes()
    assert cnn.MLPClassifier.load(content).n_iter_ == 3
    for part, name, value in WRONG[::7]:
        with pytest.raises(ValueError, match=name):
            cnn.MLPClassifier.load(with_value(content, ESTIMATOR, (part, name), value))
    for moment, number in ((0, np.nan), (1, np.inf), (1, -1.0)):
        with pytest.raises(ValueError, match=r"moments.*has a number"):
            cnn.MLPClassifier.load(with_number(content, f"training.moments.{moment}.layers.0.weight", number))


@pytest.mark.parametrize("wrong", [None, 1.5, {}, ["MLPClassifier"], "x" * 1001])
def test_info_names_a_wrong_class(wrong, tmp_path, capsys):
    path = tmp_path / "model.safetensors"
    path.write_bytes(with_value(CLASSIFIER, ESTIMATOR, ("estimator",), wrong))
    assert cli.main(["info", str(path)]) == 1
    error = capsys.readouterr().err
    assert "model.safetensors is not a readable network: the estimator's class is " in error
    assert "Traceback" not in error


def test_info_of_a_document_that_is_no_object(tmp_path, capsys):
    path = tmp_path / "model.safetensors"
    path.write_bytes(with_document(CLASSIFIER, ESTIMATOR, lambda _: "3"))
    assert cli.main(["info", str(path)]) == 1
    assert "the estimator is 3; expected a JSON object" in capsys.readouterr().err


def test_an_optimizer_without_a_learning_rate_is_saved():
    model = cnn.MLPRegressor(**COMMON).fit(X, X[:, 0])
    content = with_value(
        content_of(model), ESTIMATOR, ("parameters", "optimizer"), {"optimizer": to_config(cnn.LBFGS(5))}
    )
    loaded = cnn.MLPRegressor.load(content)
    assert loaded.optimizer == cnn.LBFGS(5)
    again = cnn.MLPRegressor.load(content_of(loaded))
    assert again.optimizer == cnn.LBFGS(5)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
