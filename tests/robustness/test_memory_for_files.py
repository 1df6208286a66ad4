"""Memory to load a model file: at most 16 MiB and four times the file, also if the file is made to take more."""

import io
import json
import tracemalloc

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.estimators import files as estimator_files
from compiled_nn.spec.layers import MOST_LAYERS
from containers import ESTIMATOR, NETWORK, TRAINING, joined, split, with_value
from small import INDICES, X, fitted

FREE, TIMES = 16 << 20, 4


def content_of(model, method="save"):
    buffer = io.BytesIO()
    getattr(model, method)(buffer)
    return buffer.getvalue()


def load(content, reader=cnn.load):
    """Return the model of a file, or the ValueError that refuses it, after a comparison of the peak with the bound."""
    tracemalloc.start()
    try:
        found = reader(content)
    except ValueError as error:
        found = error
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak <= FREE + TIMES * len(content), f"{peak} bytes for a file of {len(content)} bytes"
    return found


def with_labels(labels, dtype="str"):
    net = cnn.Network([cnn.Dense(len(labels))], seed=0)
    net.partial_fit(X[:, :1], INDICES % 2, classes=np.arange(len(labels)))
    return with_value(content_of(net), NETWORK, ("classes",), {"dtype": dtype, "values": sorted(labels)})


# ---- labels


@pytest.mark.parametrize("dtype", ["str", "bytes"])
def test_one_long_label_among_many_short_ones(dtype):
    """Each label of an array of text is as wide as the longest one: 200,000 labels would take 800 MB."""
    content = with_labels([*(f"a{i:06d}" for i in range(199_999)), "x" * 1000], dtype)
    net = load(content)
    assert net.classes_.dtype == object
    predicted = net.predict(X[:, :1])
    assert {type(label) for label in predicted.tolist()} == {str if dtype == "str" else bytes}
    assert net.score(X[:, :1], predicted) == 1
    assert content_of(cnn.load(content_of(net))) == content_of(net)
    assert net.partial_fit(X[:, :1], predicted).predict(X[:, :1]).dtype == object


def test_usual_labels_are_an_array_of_text():
    for labels in (["a", "x" * 1000], [f"a{i:06d}" for i in range(50_000)]):
        net = load(with_labels(labels))
        assert net.classes_.dtype == np.array(labels).dtype
        assert net.classes_.tolist() == sorted(labels)
        assert net.predict(X[:, :1]).dtype == net.classes_.dtype


def test_a_wide_dtype_of_many_labels():
    """`classes_` of an estimator would take 80 MB."""
    labels = np.array([f"a{i:06d}" for i in range(20_000)])
    model = cnn.MLPClassifier(hidden_layer_sizes=(), random_state=0)
    model.partial_fit(X[:, :1], labels[INDICES], classes=labels)
    content = with_value(content_of(model), ESTIMATOR, ("attributes", "_label_dtype"), "<U1000")
    assert load(content, cnn.MLPClassifier.load).classes_.dtype == np.dtype("<U7")


# ---- layers


def test_many_layers():
    layers = [cnn.Dense(1, "relu")] * (MOST_LAYERS - 1) + [cnn.Dense(1)]
    net = cnn.Network(layers, seed=0, loss="mse", optimizer="sgd")
    net.set_weights([(np.ones((1, 1)), np.zeros(1))] * MOST_LAYERS)
    content = content_of(net)
    assert load(content).n_parameters == 2 * MOST_LAYERS
    header, numbers = split(content)
    document = json.loads(header["__metadata__"][NETWORK])
    for count in (MOST_LAYERS + 1, 20_000):
        document["network"]["layers"] = document["network"]["layers"][:1] * count
        header["__metadata__"][NETWORK] = json.dumps(document)
        refused = load(joined(header, numbers))
        assert "at most 4096 are allowed" in str(refused) or "too many small values" in str(refused)
    with pytest.raises(ValueError, match="The network has 4097 layers; at most 4096 are allowed"):
        cnn.Network([*layers, cnn.Dense(1)])
    with pytest.raises(ValueError, match="The network has 5000 layers; at most 4096 are allowed"):
        cnn.MLPRegressor(hidden_layer_sizes=[1] * 5000).fit(X, X[:, 0])


@pytest.mark.parametrize("units", [2**40, 10**9, 2**62, 10**30])
def test_layers_that_the_file_does_not_have(units):
    content = content_of(fitted())
    for path in (("network", "layers", 0, "units"), ("network", "layers", 1, "units"), ("n_features",)):
        assert "expected F32" in str(load(with_value(content, NETWORK, path, units)))
    classifier = content_of(cnn.MLPClassifier(hidden_layer_sizes=(3,), max_iter=1).fit(X, INDICES))
    model = load(
        with_value(classifier, ESTIMATOR, ("parameters", "hidden_layer_sizes"), [units]),
        cnn.MLPClassifier.load,
    )
    with pytest.raises(ValueError, match=r"hidden_layer_sizes|units is"):
        model.partial_fit(X, INDICES)


def test_wide_embeddings():
    for n, width, plain in ((20_000, 8, 2), (500, 2, 500)):
        table = np.empty((n, 1 + plain), object)
        table[:, 0], table[:, 1:] = [f"c{i:06d}" for i in range(n)], 0.5
        layers = [cnn.Dense(2, "relu"), cnn.Dense(2)]
        net = cnn.Network(layers, categorical_features=[0], embeddings=width, seed=0)
        net.fit(table, np.arange(n) % 2, epochs=1, batch_size=n)
        assert load(content_of(net)).n_parameters == net.n_parameters


# ---- documents and curves


@pytest.mark.parametrize("value", [[], {}, "", 0.5, 1, {"": 0}, [[[[]]]], "\U0001f600"], ids=repr)
def test_documents_of_small_values(value):
    """Python's objects take up to thirty times the bytes of their JSON."""
    for count in (1_000, 100_000):
        load(with_value(content_of(fitted()), NETWORK, ("metadata",), {"x": [value] * count}))
        load(
            with_value(
                content_of(fitted()), NETWORK, ("classes",), {"dtype": "str", "values": [value] * count}
            )
        )


def test_a_long_history():
    net = fitted()
    n = 200_000
    net.history = {name: (np.arange(n) + 0.5).tolist() for name in net.history}
    net.history["epoch"] = list(range(1, n + 1))
    content = content_of(net, "save_checkpoint")
    assert load(content, cnn.load_checkpoint).history["epoch"][-1] == n
    assert "training.columns" in str(
        load(with_value(content, TRAINING, ("columns",), ["x"] * n), cnn.load_checkpoint)
    )


def test_long_curves_of_estimators():
    model = cnn.MLPRegressor(hidden_layer_sizes=(2,), max_iter=1).fit(X, X[:, 0])
    model.loss_curve_ = model._progress.losses = (np.arange(400_000) + 0.5).tolist()
    content = content_of(model)
    assert load(content, cnn.MLPRegressor.load).loss_curve_ == model.loss_curve_
    header, numbers = split(content)
    name = "training.estimator.losses"
    short = np.full(4_000_000, 0.5, "<f4").tobytes()  # whose list would take 128 MB
    start, stop = header[name]["data_offsets"]
    header[name] = {"dtype": "F32", "shape": [4_000_000], "data_offsets": [start, start + len(short)]}
    for other, entry in header.items():
        if other not in (name, "__metadata__"):
            entry["data_offsets"] = [place + len(short) - (stop - start) for place in entry["data_offsets"]]
    refused = load(joined(header, numbers[:start] + short + numbers[stop:]), cnn.MLPRegressor.load)
    assert "training.estimator.losses has 4000000 numbers" in str(refused)
    assert estimator_files._LONG < 400_000
