"""Checkpoint(resume=True) of ensembles: a call of fit that was ended by an error continues with the same bits."""

import compiled_nn as cnn
import pytest
from compiled_nn.callbacks import Checkpoint
from small import blobs

X, Y = blobs(120)
PARTS = [(X[i : i + 40], Y[i : i + 40]) for i in (0, 40, 80)]
CALLS = {
    "folds": {"validation": "folds"},
    "halving": {"halving": [0.3, 0.6]},
    "patience": {"patience": 2, "epochs": 20},
    "refit": {"refit": True},
    "without validation": {"validation": None},
    "given rows": {"validation_data": (X[:30], Y[:30])},
}


def train(path, *more, X=X, y=Y, init=None, **options):
    first = cnn.Dense(6, "relu", dropout=0.1, init=init)
    nets = [cnn.Network([first, cnn.Dense(3)], seed=i) for i in range(4)]
    ensemble = cnn.Ensemble(nets)
    callbacks = [Checkpoint(path, resume=True), *more]
    return ensemble.fit(X, y, **{"epochs": 8, "batch_size": 20, "callbacks": callbacks} | options)


def crash(at):
    def callback(net, epoch, history):
        if epoch == at:
            raise MemoryError

    return callback


def outcome(ensemble):
    history = {name: column for name, column in ensemble.history.items() if name != "seconds"}
    members = [(repr(m.get_weights()), m.best_epoch_) for m in ensemble.members_]
    return history, members, ensemble.predict_proba(X).tobytes(), ensemble.stop_reason_


@pytest.mark.parametrize("what", CALLS)
def test_the_same_bits(what, tmp_path):
    whole = train(tmp_path / "whole", **CALLS[what])
    for at in (2, 4, 5):
        with pytest.raises(MemoryError):
            train(tmp_path / "c", crash(at), **CALLS[what])
    assert outcome(train(tmp_path / "c", **CALLS[what])) == outcome(whole)
    never = crash(0)
    assert outcome(train(tmp_path / "c", never, **CALLS[what])) == outcome(whole)


def test_shards(tmp_path):
    def run(path, *more):
        rows = cnn.distributed.ShardedRows(PARTS, n_shards=2, steps_per_average=2)
        return train(path, *more, X=rows, y=None, validation_data=(X[:30], Y[:30]))

    whole = run(tmp_path / "whole")
    with pytest.raises(MemoryError):
        run(tmp_path / "c", crash(3))
    assert outcome(run(tmp_path / "c")) == outcome(whole)


def test_refused(tmp_path):
    train(tmp_path / "c")
    with pytest.raises(
        ValueError, match=r"is the checkpoint of another run: argument.epochs differs: 8 there, and 9"
    ):
        train(tmp_path / "c", epochs=9)
    with pytest.raises(ValueError, match=r"is the checkpoint of another run: rows.hash of X differs"):
        train(tmp_path / "c", X=X + 1)
    with pytest.raises(
        ValueError, match=r"is the checkpoint of another run: initial weights\[0\]\[0\] differs"
    ):
        train(tmp_path / "c", init="he_uniform")
    with pytest.raises(ValueError, match="cannot be used with map"):
        train(tmp_path / "c", map=map)
    with pytest.raises(ValueError, match="needs seeds"):
        cnn.Ensemble(cnn.Network([cnn.Dense(3)]), n_members=2).fit(
            X, Y, callbacks=[Checkpoint(tmp_path / "d", resume=True)]
        )
    cnn.Network([cnn.Dense(3)], seed=0).fit(
        X, Y, epochs=1, callbacks=[Checkpoint(tmp_path / "e", resume=True)]
    )
    with pytest.raises(ValueError, match="it is not the checkpoint of an ensemble"):
        train(tmp_path / "e")
