"""The face of the optimizers: names, checks, files; their steps are tested in test_optimizers."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import optimizers
from compiled_nn.spec import configuration
from small import OPTIMIZERS, bits, blobs, classifier


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_a_name_is_the_default_of_its_class(name):
    optimizer = optimizers.resolve(name)
    assert optimizer == optimizers.kind_of(name)()
    assert type(optimizer).__name__.lower() == name
    assert getattr(cnn, type(optimizer).__name__) is type(optimizer)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "schedule"])
def test_files_keep_the_optimizer(name, tmp_path):
    X, y = blobs()
    net = classifier(optimizer=OPTIMIZERS[name]).fit(X, y, epochs=1)
    net.save(tmp_path / "net.safetensors")
    assert cnn.load(tmp_path / "net.safetensors").optimizer == OPTIMIZERS[name]


@pytest.mark.parametrize("optimizer", [cnn.Adam(), cnn.AdamW(), cnn.SGD()])
def test_what_files_said_before_they_say_still(optimizer):
    """No key of an older file has gone, and none has come: it is read by older versions."""
    config = configuration.to_config(configuration.configure([cnn.Dense(2)], "mse", optimizer=optimizer))[
        "optimizer"
    ]
    adam = {"name", "learning_rate", "beta_1", "beta_2", "epsilon"}
    expected = {"SGD": {"name", "learning_rate", "momentum", "nesterov"}, "Adam": adam}
    assert config.keys() == expected.get(type(optimizer).__name__, adam | {"weight_decay"})


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        (cnn.RMSprop, {"rho": 1.0}, "rho.*RMSprop.*>= 0 and < 1. Got 1.0"),
        (cnn.RMSprop, {"centered": 1}, "centered.*RMSprop.*bool. Got 1"),
        (cnn.NAdam, {"momentum_decay": -1}, "momentum_decay.*NAdam.*>= 0. Got -1"),
        (cnn.RAdam, {"beta_2": 2}, "beta_2.*RAdam.*Got 2"),
        (cnn.Lion, {"weight_decay": -0.1}, "weight_decay.*Lion.*Got -0.1"),
        (cnn.Adagrad, {"epsilon": 0}, "epsilon.*Adagrad.*> 0. Got 0"),
        (cnn.Adadelta, {"learning_rate": 0}, "learning_rate.*Adadelta.*> 0. Got 0"),
        (cnn.Rprop, {"decrease": 1}, "decrease.*Rprop.*< 1. Got 1"),
        (cnn.Rprop, {"smallest": 1.0, "largest": 0.5}, "smallest=1.0, largest=0.5"),
        (cnn.Adam, {"amsgrad": "yes"}, "amsgrad.*Adam.*bool. Got 'yes'"),
    ],
)
def test_bad_hyperparameters_are_refused(kind, parameters, message):
    with pytest.raises((TypeError, ValueError), match=message):
        kind(**parameters)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_pickle_goes_on_with_the_same_bits(name):
    if name == "schedule":
        pytest.skip("a lambda is not pickled")
    import pickle

    X, y = blobs()
    net = classifier(optimizer=OPTIMIZERS[name]).fit(X, y, epochs=7)
    copy = pickle.loads(pickle.dumps(net))
    for one in (net, copy):
        one.fit(X, y, epochs=2, warm_start=True)
    assert bits(copy) == bits(net)


@pytest.mark.parametrize("seed", range(20))
def test_rprop_learns_xor(seed):
    """On full batches, in fewer than 200 epochs."""
    X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]
    layers = [cnn.Dense(8, "tanh"), cnn.Dense(1)]
    net = cnn.Network(layers, loss="binary_cross_entropy", optimizer=cnn.Rprop(0.1), seed=seed)
    assert net.fit(X, y, epochs=199, batch_size="full").score(X, y) == 1
