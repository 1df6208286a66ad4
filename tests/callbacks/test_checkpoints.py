"""The Checkpoint callback: the epochs that it keeps, and training resumed from its file with the same bits."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.callbacks import Checkpoint
from small import bits, blobs, classifier

X, Y = blobs()


@pytest.mark.parametrize("norm", [None, "batch"])
@pytest.mark.parametrize("start", [0, 2, 3, 5])
@pytest.mark.parametrize("at", [1, 3, 4, 5])
def test_averaging_goes_on_from_a_checkpoint(at, start, norm, tmp_path):
    def made():
        layers = [cnn.Dense(8, "tanh", norm=norm, dropout=0.1), cnn.Dense(3)]
        return cnn.Network(layers, optimizer=cnn.Adam(0.02), seed=0)

    def save(net, epoch, history):
        if epoch == at:
            net.save_checkpoint(tmp_path / "c")

    whole = made().fit(X, Y, epochs=6, averaging=cnn.SWA(start), callbacks=[save])
    resumed = cnn.load_checkpoint(tmp_path / "c")
    resumed.fit(X, Y, epochs=6 - at, averaging=cnn.SWA(start), warm_start=True)
    assert bits(resumed) == bits(whole)
    assert resumed.history["loss"] == whole.history["loss"]
    again, more = cnn.load_checkpoint(tmp_path / "c"), made().fit(X, Y, epochs=6, averaging=cnn.SWA(start))
    again.fit(X, Y, epochs=9 - at, averaging=cnn.SWA(start), warm_start=True)
    assert bits(again) == bits(more.fit(X, Y, epochs=3, averaging=cnn.SWA(start), warm_start=True))


def test_the_mean_is_set_before_callbacks_see_the_end():
    class Last(cnn.callbacks.Callback):
        def on_train_end(self, net):
            self.bits = bits(net)

    last = Last()
    net = classifier().fit(X, Y, epochs=4, averaging=cnn.SWA(1), callbacks=[last])
    assert last.bits == bits(net) != bits(classifier().fit(X, Y, epochs=4))


def test_one_average_at_a_time():
    net = classifier(ema=0.9).fit(X, Y, epochs=1)
    before = bits(net)
    with pytest.raises(ValueError, match=r"averaging=SWA\(start=1\) would have no effect: with ema=0.9"):
        net.fit(X, Y, epochs=4, averaging=cnn.SWA(1))
    assert bits(net) == before


class Scripted(cnn.callbacks.Callback):
    """Callback that gives the history a column with these values."""

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, net, epoch, history):
        history["loss"][-1] = self.values[epoch - 1]


def kept(path):
    return len(cnn.load_checkpoint(path).history["epoch"])


def test_only_epochs_that_were_compared_count(tmp_path):
    values = Scripted([0.1, 5.0, 0.1, 6.0, 0.1, 4.0, 0.2, 4.5])
    checkpoint = Checkpoint(tmp_path / "c", every=2, keep_best="loss")
    net = classifier().fit(X, Y, epochs=4, callbacks=[values, checkpoint])
    assert kept(tmp_path / "c") == 2
    net.fit(X, Y, epochs=4, warm_start=True, callbacks=[values, checkpoint])
    assert kept(tmp_path / "c") == 6  # the losses of 0.1 are those of epochs that are not saved


def test_a_later_process_compares_with_the_file(tmp_path):
    values = Scripted([9.0, 5.0, 9.0, 6.0, 9.0, 5.5, 9.0, 4.0])
    net = classifier().fit(X, Y, epochs=4, callbacks=[values, Checkpoint(tmp_path / "c", 2, "loss")])
    assert kept(tmp_path / "c") == 2
    net.fit(X, Y, epochs=2, warm_start=True, callbacks=[values, Checkpoint(tmp_path / "c", 2, "loss")])
    assert kept(tmp_path / "c") == 2
    net.fit(X, Y, epochs=2, warm_start=True, callbacks=[values, Checkpoint(tmp_path / "c", 2, "loss")])
    assert kept(tmp_path / "c") == 8


def test_without_a_file_no_epoch_is_the_best_one(tmp_path):
    values = Scripted([1.0, 1.0, 3.0, 2.0])
    net = classifier().fit(X, Y, epochs=2, callbacks=[values])
    net.fit(X, Y, epochs=2, warm_start=True, callbacks=[values, Checkpoint(tmp_path / "c", 1, "loss")])
    assert kept(tmp_path / "c") == 4


def test_ten_and_ten_epochs_are_twenty(tmp_path):
    def made():
        layers = [
            cnn.Dense(8, "relu", norm="batch", dropout=0.2),
            cnn.Dense(6, "tanh", norm="layer"),
            cnn.Dense(3),
        ]
        rate = cnn.schedules.Cosine(0.05, over=60)
        return cnn.Network(
            layers, optimizer=cnn.AdamW(rate), standardize=True, input_dropout=0.1, ema=0.9, seed=3
        )

    how = {"batch_size": 32, "validation_fraction": 0.2}
    whole = made().fit(X, Y, epochs=20, **how)
    half = made().fit(X, Y, epochs=10, callbacks=[Checkpoint(tmp_path / "c", every=5)], **how)
    for net in (half, cnn.load_checkpoint(tmp_path / "c")):
        net.fit(X, Y, epochs=10, warm_start=True, **how)
        assert bits(net) == bits(whole)
        assert (net.predict_proba(X) == whole.predict_proba(X)).all()
        assert net.history["loss"] == whole.history["loss"]
        assert net.history["val_score"] == whole.history["val_score"]
        assert np.array_equal(net.history["learning_rate"], whole.history["learning_rate"])


def test_paths_of_bytes_are_paths(tmp_path):
    path = tmp_path / "c"
    classifier().fit(X, Y, epochs=1, callbacks=[Checkpoint(bytes(path))])
    assert kept(path) == 1
