"""Everything together: networks drawn at random from all that can be asked for keep what each part promises."""

import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from golden import drawn

N_DRAWN = 60


@pytest.mark.parametrize("seed", range(N_DRAWN))
def test_any_network_keeps_its_promises(seed, tmp_path):
    layers, parameters, X, y, how = drawn.draw(seed)
    net = cnn.Network(layers, **parameters)
    net.fit(X, y, epochs=3, **how)
    outputs = net.decision_function(X)
    assert np.isfinite(outputs).all()
    rows = np.concatenate([np.atleast_1d(net.decision_function(row[None])) for row in X])
    assert np.array_equal(rows, outputs)  # a row alone has the bits of the row in a batch

    twice = cnn.Network(layers, **parameters, n_threads=2).fit(X, y, epochs=3, **how)
    assert np.array_equal(twice.decision_function(X), outputs)  # any number of threads

    net.save(tmp_path / "net.safetensors")
    assert np.array_equal(cnn.load(tmp_path / "net.safetensors").decision_function(X), outputs)

    net.save_checkpoint(tmp_path / "net.ckpt.safetensors")
    copies = [cnn.load_checkpoint(tmp_path / "net.ckpt.safetensors"), pickle.loads(pickle.dumps(net))]
    net.fit(X, y, epochs=2, warm_start=True, **how)
    whole = cnn.Network(layers, **parameters).fit(X, y, epochs=5, **how)
    assert np.array_equal(net.decision_function(X), whole.decision_function(X))  # 3 + 2 epochs are 5
    for copy in copies:
        assert np.array_equal(copy.decision_function(X), outputs)
        copy.fit(X, y, epochs=2, warm_start=True, **how)
        assert np.array_equal(copy.decision_function(X), net.decision_function(X))
