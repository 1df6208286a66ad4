"""Files of skops: models are read with the documented types, and predict the same bits."""

import importlib

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.exchange.trusted import trusted_types
from model_kinds import KINDS

io = pytest.importorskip("skops.io", reason="files of skops need skops")
SOME = ["softmax", "quantile", "far inputs", "table with bins and clip", "periodic", "ensemble", "ensemble of tables",
        "MLPClassifier", "MLPRegressor", "MLPClassifier of a table",
        "TabularClassifier", "TabularRegressor"]  # fmt: skip


def test_every_type_exists():
    for name in trusted_types():
        module, kind = name.rsplit(".", 1)
        assert isinstance(getattr(importlib.import_module(module), kind), type), name


@pytest.mark.parametrize("kind", KINDS)
def test_types_of_models_are_documented(kind):
    model, _ = KINDS[kind]("float32")
    assert set(io.get_untrusted_types(data=io.dumps(model))) <= set(trusted_types())


@pytest.mark.parametrize("kind", SOME)
def test_models_predict_the_same(kind):
    model, X = KINDS[kind]("float32")
    read = io.loads(io.dumps(model), trusted=trusted_types())
    assert type(read) is type(model)
    assert np.array_equal(read.predict(X), model.predict(X))


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adamw", "nadam", "lbfgs"])
def test_other_parameters(optimizer):
    net = cnn.Network([cnn.Dense(2, init=cnn.Uniform(0.1))], optimizer=optimizer, seed=0)
    net.fit([[0.0], [1.0]], [0, 1], epochs=1)
    read = io.loads(io.dumps(net), trusted=trusted_types())
    assert np.array_equal(read.predict_proba([[0.5]]), net.predict_proba([[0.5]]))
