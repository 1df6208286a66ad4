"""Ensembles on tables, categories, bins, sparse rows and images; rows that are read before; files with errors."""

import copy
import io
import json
import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.artefact.read_rows import ReadRows
from compiled_nn.files.safetensors_file import open_tensors
from compiled_nn.training.targets import Targets
from ensembles import LABELS, VALUES, X, classifiers

pd = pytest.importorskip("pandas")

TABLE = pd.DataFrame(X, columns=list("abcde")).assign(
    city=np.array(["Ulm", "Bonn", "Kiel"])[np.arange(203) % 3]
)


def saved(model):
    file = io.BytesIO()
    model.save(file)
    return file.getvalue()


def on_tables(**parameters):
    options = {"standardize": True, "categorical_features": "auto", "dtype": "float64", **parameters}
    return [cnn.Network([cnn.Dense(6, "relu"), cnn.Dense(3)], seed=seed, **options) for seed in range(3)]


BINS = {"numeric_embeddings": "piecewise_linear"}


@pytest.mark.parametrize("parameters", [{}, {"embeddings": 2}, BINS, BINS | {"embeddings": "auto"}])
def test_tables(parameters):
    nets = on_tables(**parameters)
    model = cnn.Ensemble(nets).fit(TABLE, LABELS, epochs=4)
    p = model.predict_proba(TABLE)
    assert np.array_equal(model.predict_proba(TABLE[[*"edcba", "city"][::-1]]), p)
    assert np.array_equal(model.predict_proba(TABLE.iloc[[5]].to_dict("records")[0]), p[[5]])
    expected = np.mean([net.predict_proba(TABLE) for net in model.members_], axis=0)
    np.testing.assert_allclose(p, expected, rtol=1e-12)
    assert model.feature_names_in_.tolist() == [*"abcde", "city"]
    assert len(cnn.permutation_importance(model, TABLE, LABELS, n_repeats=1).feature_names) == 6
    assert model.input_gradient(TABLE).shape == model.members_[0].input_gradient(TABLE).shape
    for other in (cnn.load(saved(model)), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert np.array_equal(other.predict_proba(TABLE), p)
        assert other.members_[0].feature_names_in_.tolist() == [*"abcde", "city"]
    file = io.BytesIO()
    model.save_checkpoint(file)
    again = cnn.load_checkpoint(file.getvalue()).fit(TABLE, LABELS, epochs=2, warm_start=True)
    whole = cnn.Ensemble(nets).fit(TABLE, LABELS, epochs=6)
    assert np.array_equal(again.predict_proba(TABLE), whole.predict_proba(TABLE))
    i = 1
    alone = cnn.Ensemble([nets[i]], seed=0).fit(
        TABLE, LABELS, epochs=6, validation=whole.validation_masks_[i]
    )
    assert np.array_equal(alone.members_[0].predict_proba(TABLE), whole.members_[i].predict_proba(TABLE))
    with pytest.raises(ValueError, match="missing"):
        model.predict(TABLE.drop(columns="b"))


def test_rows_that_are_read_before():
    nets = on_tables()
    read = ReadRows.of(nets[0]._configuration, TABLE)
    model = cnn.Ensemble(nets).fit(read, LABELS, epochs=2)
    other = cnn.Ensemble(nets).fit(TABLE, LABELS, epochs=2)
    assert np.array_equal(model.predict_proba(TABLE), other.predict_proba(TABLE))
    loss = nets[0]._configuration.loss
    one = read.replace(targets=Targets(loss, 3, "classes", np.resize(np.array(["a"]), 3)))
    model = cnn.Ensemble(nets).fit(one, np.repeat("a", 203), epochs=2)
    assert set(model.predict(TABLE)) == {"a"}


def test_sparse_rows_and_images():
    sparse = pytest.importorskip("scipy.sparse")
    rows = sparse.csr_array(np.where(X > 0.5, X, 0))
    nets = [
        cnn.Network([cnn.Dense(6, "relu"), cnn.Dense(3)], dtype="float64", seed=seed) for seed in range(3)
    ]
    models = [
        cnn.Ensemble(nets).fit(each, LABELS, epochs=3, validation="folds") for each in (rows, rows.toarray())
    ]
    # the products of sparse rows are summed in another order
    np.testing.assert_allclose(
        models[0].predict_proba(rows), models[1].predict_proba(rows.toarray()), rtol=1e-9
    )
    np.testing.assert_allclose(models[0].oof_, models[1].oof_, rtol=1e-9)
    images = np.abs(X[:, :4]).reshape(-1, 2, 2)
    model = cnn.Ensemble(nets).fit(images, LABELS, epochs=2)
    assert np.array_equal(model.predict_proba(images), model.predict_proba(images.reshape(-1, 4)))
    assert np.array_equal(cnn.load(saved(model)).predict_proba(images), model.predict_proba(images))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_are_predicted_in_the_dtype_of_y(dtype):
    net = cnn.Network([cnn.Dense(4, "tanh"), cnn.Dense(1)], loss="mse", scale_targets=True, seed=0)
    model = cnn.Ensemble(net, n_members=3).fit(X, VALUES.astype(dtype), epochs=2)
    for other in (model, cnn.load(saved(model))):
        assert other.predict(X).dtype == dtype
        assert np.array_equal(other.predict(X), model.predict(X))
    assert model.oof_.dtype == np.float64
    out = np.empty(203)
    assert model.predict(X, out=out) is out
    np.testing.assert_allclose(out, model.predict(X), rtol=1e-6)  # rounded to float32 in one of them


def test_learning_rates_that_are_functions_and_given_weights_are_not_in_files():
    nets = [
        cnn.Network([cnn.Dense(3)], optimizer=cnn.Adam(lambda step: 1e-3), seed=seed) for seed in range(2)
    ]
    nets[0].set_weights([(np.ones((5, 3)), np.zeros(3))])
    model = cnn.Ensemble(nets).fit(X, LABELS, epochs=2)
    again = cnn.load(saved(model))
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    with pytest.raises(ValueError, match="Python function, which its file does not hold"):
        again.fit(X, LABELS, warm_start=True)


# ---- files with errors


def altered(content, change):
    """Return the file with another document."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    document = json.loads(header["__metadata__"]["compiled_nn"])
    document = change(document) or document
    header["__metadata__"]["compiled_nn"] = json.dumps(document)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def change(path, value):
    def apply(document):
        *keys, last = path
        for key in keys:
            document = document[key]
        if value is None:
            del document[last]
        else:
            document[last] = value

    return apply


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("members",), {}, "members lacks"),
        (("members",), None, "format version 4; a network with these parameters has"),
        (("members", "kept"), [], "at least 1"),
        (("members", "kept", 0, "place"), 1, "in increasing order"),
        (("members", "kept", 2, "place"), 3, "different numbers below 3"),
        (("members", "kept", 2, "place"), -1, "an integer from 0"),
        (("members", "kept", 0, "weight"), 0.9, "the sum of the weights"),
        (("members", "kept", 0, "weight"), -0.1, "at least 0"),
        (("members", "kept", 0, "temperature"), 0, "above 0"),
        (("members", "kept", 0, "temperature"), "1", "a finite number"),
        (("members", "kept", 0, "best_epoch"), 1.5, "an integer"),
        (("members", "kept", 0, "more"), 1, "unknown"),
        (("members", "combine"), "median", "one of 'mean', 'greedy'"),
        (("members", "calibrated"), 1, "true or false"),
        (("members", "seed"), -1, "seed"),
        (("members", "more"), 1, "unknown"),
        (("members", "networks"), [], "at least 1"),
        (("members", "networks", 0, "l2"), 0.5, "network is not the first one"),
        (("members", "networks", 1, "dtype"), "float64", "dtype"),
        (("members", "networks", 1, "layers", 0, "units"), 7, "members.1.layers.0.weight is"),
        (("members", "networks", 1, "loss"), "mse", "loss"),
        (("members", "networks", 1, "optimizer", "name"), "lbfgs", "lbfgs|lacks|unknown"),
        (("n_features",), 6, "expected"),
    ],
)
def test_wrong_members_in_files(path, value, message):
    content = saved(cnn.Ensemble(classifiers()).fit(X, LABELS, epochs=1))
    assert cnn.load(altered(content, lambda document: document)).score(X, LABELS) >= 0
    with pytest.raises(ValueError, match=message) as caught:
        cnn.load(altered(content, change(path, value)))
    assert "is not a readable network" in str(caught.value)


def test_networks_and_estimators_refuse_the_file_of_an_ensemble():
    content = saved(cnn.Ensemble(classifiers()).fit(X, LABELS, epochs=1))
    with pytest.raises(ValueError, match=r"it holds an ensemble of networks; read it with compiled_nn\.load"):
        cnn.MLPClassifier.load(content)
    with open_tensors(content) as file:
        assert {name.split(".")[1] for name in file.keys() if name.startswith("members")} == {"0", "1", "2"}  # noqa: SIM118


@pytest.mark.parametrize("seed", range(40))
def test_damaged_checkpoints_raise_errors_that_name_them(seed):
    file = io.BytesIO()
    cnn.Ensemble(classifiers(n=2)).fit(X[:40], LABELS[:40], epochs=1).save_checkpoint(file)
    content, rng = bytearray(file.getvalue()), np.random.default_rng(seed)
    size = int.from_bytes(content[:8], "little")
    for place in rng.integers(8, 8 + size, 3):
        content[place] ^= 1 << int(rng.integers(8))
    messages = []
    try:
        cnn.load_checkpoint(bytes(content)).predict(X)
    except ValueError as error:
        messages.append(str(error))
    assert all("is not a readable network" in text or "beyond the range" in text for text in messages)
