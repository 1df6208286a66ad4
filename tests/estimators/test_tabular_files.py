"""Files, pickles and copies of the tabular estimators; damaged documents are refused."""

import copy
import io
import json
import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.files import network_file
from compiled_nn.files.safetensors_file import open_tensors, write_tensors

SMALL = {"n_members": 2, "max_iter": 4, "hidden_layer_sizes": (6,), "random_state": 0}


@pytest.fixture
def columns(rng):
    size = rng.normal(size=120)
    size[::9] = np.nan
    return {"size": size, "city": rng.choice(["Ulm", "Bonn"], 120), "age": rng.integers(0, 90, 120)}


def fitted(kind, columns):
    if kind == "classifier":
        model = cnn.TabularClassifier(**SMALL, numeric_embeddings=cnn.PiecewiseLinear(bins=4))
        return model.fit(columns, np.where(columns["age"] > 40, "old", "young"))
    if kind == "one class":
        return cnn.TabularClassifier(**SMALL).fit(columns, ["same"] * 120)
    return cnn.TabularRegressor(**SMALL, loss=cnn.losses.Huber(2.0)).fit(columns, columns["age"] * 2.5)


KINDS = pytest.mark.parametrize("kind", ["classifier", "regressor", "one class"])


def predicted(model, columns):
    return model.predict_proba(columns) if hasattr(model, "predict_proba") else model.predict(columns)


@KINDS
def test_a_file_has_the_estimator(kind, columns, tmp_path):
    model = fitted(kind, columns)
    model.save(tmp_path / "model", metadata={"by": "me"})
    again = type(model).load(tmp_path / "model")
    assert np.array_equal(predicted(again, columns), predicted(model, columns))
    assert repr(again) == repr(model)
    assert again.report_.to_dict() == json.loads(json.dumps(model.report_.to_dict()))
    assert again.predict(columns).dtype == model.predict(columns).dtype
    assert again.feature_names_in_.tolist() == ["size", "city", "age"]
    assert again.metadata_ == {"by": "me"}
    assert not hasattr(again, "oof_")
    ensemble = cnn.load(tmp_path / "model")
    assert isinstance(ensemble, cnn.Ensemble)
    assert np.array_equal(ensemble.predict(columns).astype(str), model.predict(columns).astype(str))
    first, second = io.BytesIO(), io.BytesIO()
    again.save(first)
    type(model).load(first.getvalue()).save(second)
    assert first.getvalue() == second.getvalue()
    assert again.fit(columns, [1, 2] * 60).predict(columns).shape == (120,)


@KINDS
def test_pickles_and_copies(kind, columns):
    model = fitted(kind, columns)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert np.array_equal(predicted(other, columns), predicted(model, columns))
        assert repr(other.report_) == repr(model.report_)
        assert hasattr(other, "oof_") == hasattr(model, "oof_")


def test_files_of_other_models(columns, tmp_path):
    model = fitted("classifier", columns)
    model.save(tmp_path / "model")
    with pytest.raises(ValueError, match="an estimator 'TabularClassifier', not TabularRegressor"):
        cnn.TabularRegressor.load(tmp_path / "model")
    model.network_.save(tmp_path / "ensemble")
    with pytest.raises(
        ValueError, match="it holds an ensemble without an estimator; read it with compiled_nn"
    ):
        cnn.TabularClassifier.load(tmp_path / "ensemble")
    model.members_[0].save(tmp_path / "network")
    with pytest.raises(ValueError, match="it holds one network; read it with compiled_nn"):
        cnn.TabularClassifier.load(tmp_path / "network")
    with pytest.raises(ValueError, match="model"):
        cnn.MLPClassifier.load(tmp_path / "model")
    with pytest.raises(cnn.NotFittedError):
        cnn.TabularClassifier().save(tmp_path / "none")
    with pytest.raises(TypeError, match="random_state is"):
        model.set_params(random_state=np.random.RandomState(0)).save(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format_version": 2}, "format version 2"),
        ({"format_version": True}, "format version True"),
        ({"parameters": {"solver": "adam"}}, r"unknown \['solver'\]"),
        ({"parameters": {"dropout": 3.0}}, "'dropout' parameter"),
        ({"label_dtype": "<i8"}, "label_dtype is '<i8'"),
        ({"label_dtype": 5}, "label_dtype is 5"),
        ({"report": [["a", 1]]}, "a list of a name, a value and a reason"),
        ({"report": [["a", {"b": 1}, "c"]]}, "a text, a number, true, false or null"),
        ({"report": [["a", [[1]], "c"]]}, "a text, a number, true, false or null"),
        ({"report": [["a", 1, 2]]}, "a text of at most"),
        ({"report": "none"}, "report is 'none'"),
        ({"more": 1}, r"unknown \['more'\]"),
    ],
    ids=str,
)
def test_damaged_documents_are_refused(change, words, columns, tmp_path):
    fitted("classifier", columns).save(tmp_path / "model")
    with open_tensors(tmp_path / "model") as file:
        documents = {key: json.loads(text) for key, text in file.metadata().items() if text[:1] == "{"}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    documents[network_file.ESTIMATOR] |= change
    write_tensors(tmp_path / "damaged", tensors, documents)
    with pytest.raises((ValueError, TypeError), match=words):
        cnn.TabularClassifier.load(tmp_path / "damaged")


@pytest.mark.parametrize("encoding", ["piecewise_linear", cnn.PiecewiseLinear(bins=3)])
def test_files_of_other_estimators_have_encodings(encoding, columns, tmp_path):
    X = np.stack([columns["age"], columns["age"] % 7], axis=1).astype(float)
    model = cnn.MLPClassifier(numeric_embeddings=encoding, max_iter=2).fit(X, X[:, 0] > 40)
    model.save(tmp_path / "model")
    again = cnn.MLPClassifier.load(tmp_path / "model")
    assert again.numeric_embeddings == encoding
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
