"""Ensembles whose members are divided over workers: the same bits as in one process, for any number of workers."""

import builtins
import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.training import spread_epochs
from ensembles import LABELS, VALUES, X_NEW, X, classifiers, regressors
from spread import Workers, same_history


def same(model, other):
    """Compare two ensembles that were fitted, except for the time."""
    assert (model.predict(X_NEW) == other.predict(X_NEW)).all()
    for name in ("weights_", "temperatures_", "best_epochs_", "indices_"):
        assert (getattr(model, name) == getattr(other, name)).all(), name
    assert model.stop_reason_ == other.stop_reason_
    assert model.epochs_planned_ == other.epochs_planned_
    same_history(model.history, other.history)
    for member, its in zip(model.members_, other.members_, strict=True):
        same_history(member.history, its.history)
        for (W, b), (V, c) in zip(member.get_weights(), its.get_weights(), strict=True):
            assert (W == V).all()
            assert (b == c).all()
    if hasattr(other, "oof_"):
        np.testing.assert_array_equal(model.oof_, other.oof_)


def compared(make, y, map, **options):
    """Return an ensemble that was fitted by workers, which is that of a fit in this process."""
    options = {"epochs": 6} | options
    spread = make().fit(X, y, map=map, **options)
    same(spread, make().fit(X, y, **options))
    return spread


def of(networks, **options):
    """Return a function that makes an ensemble."""
    return lambda: cnn.Ensemble(networks(), **options)


@pytest.mark.parametrize("n_workers", [1, 2, 3, 20])
def test_any_number_of_workers(n_workers):
    workers = Workers(n_workers, repeats=2)
    compared(of(lambda: classifiers(n=4), n_members=8), LABELS, workers)
    assert workers.ranks[0] == list(range(min(n_workers, 8)))
    assert workers.released == len(workers.held) == n_workers


def test_maps():
    with ThreadPoolExecutor(2) as threads:
        for map in (builtins.map, threads.map):
            compared(of(classifiers), LABELS, map)


@pytest.mark.parametrize(
    "options",
    [
        {"validation": "folds"},
        {"validation": "folds", "n_folds": 2},
        {"validation": "folds", "n_folds": 2, "halving": (0.3, 0.6)},
        {"validation": np.arange(203) % 4 == 0},
        {"validation_groups": np.arange(203) // 7},
        {"validation_data": (X_NEW, LABELS[:50])},
        {"validation": None},
        {"sample_weight": np.arange(203) % 3},
        {"class_weight": "balanced"},
        {"monitor": "val_score"},
        {"patience": 1, "epochs": 30},
        {"halving": (0.2, 0.5)},
        {"refit": True},
        {"refit": True, "validation": "folds"},
        {"batch_size": "full"},
        {"shuffle": False},
    ],
    ids=lambda options: "-".join(options),
)
def test_parameters_of_fit(options):
    is_validated = options.get("validation", "random") is not None
    for combine in ("mean", "greedy") if is_validated else ("mean",):
        make = of(partial(classifiers, n=4), n_members=8, combine=combine)
        compared(make, LABELS, Workers(3), **options)


@pytest.mark.parametrize(("loss", "n_outputs"), [("mse", 1), ("huber", 1), ("gaussian_nll", 2)])
def test_values(loss, n_outputs):
    compared(of(lambda: regressors(loss=loss, n_outputs=n_outputs)), VALUES, Workers(2))


def test_the_number_of_epochs_in_a_round_does_not_matter(monkeypatch):
    counts = {}
    for shortest in (0.0, 1e9):
        monkeypatch.setattr(spread_epochs, "_SHORTEST", shortest)
        monkeypatch.setattr(spread_epochs, "_OVERHEADS", 0)
        workers = Workers(2)
        compared(of(classifiers), LABELS, workers, epochs=12, halving=(0.5,))
        counts[shortest] = len(workers.ranks)
    assert counts == {0.0: 12, 1e9: 3}, "1 epoch, those before halving, and the others"


def test_callbacks_run_after_each_epoch():
    seen = []

    def predicts(model, epoch, history):
        seen.append((epoch, model.predict_proba(X_NEW[:2]).tolist(), history["loss"][-1]))
        return epoch == 4

    make = of(classifiers)
    make().fit(X, LABELS, epochs=6, callbacks=[predicts])
    expected = seen.copy()
    seen.clear()
    model = make().fit(X, LABELS, epochs=6, callbacks=[predicts], map=Workers(2))
    assert seen == expected
    assert len(seen) == 4
    assert model.stop_reason_ == "callback"


def test_callbacks_change_the_learning_rates():
    def halves(model, epoch, history):
        model.learning_rate_scale = 0.5**epoch

    model = compared(of(classifiers), LABELS, Workers(2), callbacks=[halves])
    assert model.history["learning_rate"][-1] < 0.1 * model.history["learning_rate"][0]


def test_checkpoints(tmp_path):
    path = tmp_path / "members.ckpt.safetensors"
    callbacks = [cnn.callbacks.Checkpoint(path), lambda model, epoch, history: epoch == 3]
    of(classifiers)().fit(X, LABELS, epochs=6, callbacks=callbacks, map=Workers(2))
    model = cnn.load_checkpoint(path).fit(X, LABELS, epochs=3, warm_start=True, map=Workers(3))
    same(model, of(classifiers)().fit(X, LABELS, epochs=6))


def test_training_continues_in_any_way():
    whole = of(classifiers)().fit(X, LABELS, epochs=6)
    for first, second in ((Workers(2), None), (None, Workers(2)), (Workers(3), builtins.map)):
        model = of(classifiers)().fit(X, LABELS, epochs=2, map=first)
        model = pickle.loads(pickle.dumps(model))
        model.fit(X, LABELS, epochs=4, warm_start=True, map=second)
        same(model, whole)


def test_lines(capsys):
    of(classifiers)().fit(X, LABELS, epochs=5, verbose=2)
    expected = [line.split()[:4] for line in capsys.readouterr().out.splitlines()]
    of(classifiers)().fit(X, LABELS, epochs=5, verbose=2, map=Workers(2))
    assert [line.split()[:4] for line in capsys.readouterr().out.splitlines()] == expected
    assert len(expected) > 5


def test_the_rows_are_sent_once_to_each_worker():
    rows, labels = np.tile(X, (20, 20)), np.tile(LABELS, 20)
    workers = Workers(2)
    nets = [cnn.Network([cnn.Dense(4), cnn.Dense(3)], seed=i) for i in range(4)]
    cnn.Ensemble(nets).fit(rows, labels, epochs=3, map=workers, callbacks=[lambda *_: None])
    assert len(workers.held) == 2
    assert max(workers.held) < 1.1 * rows.nbytes
    assert len(workers.sent) == 2 * 3
    assert max(workers.sent) < 0.02 * rows.nbytes


# ---- what goes wrong


def diverging(*rates):
    layers = [cnn.Dense(4), cnn.Dense(1)]
    return [cnn.Network(layers, loss="mse", optimizer=cnn.SGD(rate), seed=i) for i, rate in enumerate(rates)]


@pytest.mark.parametrize("options", [{}, {"validation": None}], ids=["validated", "all rows"])
def test_a_member_that_diverges(options):
    message = r"Member 1 of the ensemble has diverged in epoch 1 \(learning rate 1e\+18"
    for n_workers in (1, 2, 3):
        with pytest.warns(cnn.CompiledNNWarning, match=message) as caught:
            model = compared(of(lambda: diverging(0.01, 1e18, 0.02)), VALUES, Workers(n_workers), **options)
        assert len(caught) == 2, "one here, and one alone"
        assert model.indices_.tolist() == [0, 2]
        again = pickle.loads(pickle.dumps(model))
        assert (again.predict(X_NEW) == model.predict(X_NEW)).all()


def test_all_members_diverge():
    for n_workers in (1, 3):
        found = []
        for map in (None, Workers(n_workers)):
            model = of(lambda: diverging(1e18, 1e19, 1e17))()
            with pytest.raises(cnn.DivergenceError, match="the last of 3 members diverged") as caught:
                model.fit(X, VALUES, epochs=5, map=map)
            found.append((str(caught.value), model.predict(X_NEW).tolist(), model.indices_.tolist()))
        assert found[0] == found[1]


def test_a_worker_that_fails():
    class Broken(Workers):
        def map(self, function, arguments, ranks=None):
            if len(self.ranks) == 2:
                raise OSError("no worker is left")
            return super().map(function, arguments, ranks)

    workers = Broken(2)
    model = of(classifiers)()
    with pytest.raises(OSError, match="no worker is left"):
        model.fit(X, LABELS, epochs=6, map=workers, callbacks=[lambda *_: None])
    assert workers.released == 2
    same_history(model.history, of(classifiers)().fit(X, LABELS, epochs=2).history)
    model.fit(X, LABELS, epochs=4, warm_start=True)
    same(model, of(classifiers)().fit(X, LABELS, epochs=6))


def test_a_time_limit():
    model = of(lambda: diverging(0.01, 0.02))()
    model.fit(X, VALUES, epochs=10**7, time_limit=0.3, map=Workers(2))
    assert model.stop_reason_ == "time_limit"
    assert 1 <= len(model.history["loss"]) < 10**7


def test_what_cannot_be_divided():
    net = classifiers(n=1)[0]
    with pytest.raises(ValueError, match="shared_weights=True cannot be used with map"):
        cnn.Ensemble(net, shared_weights=True).fit(X, LABELS, map=map)
    with pytest.raises(TypeError, match="The 'map' parameter of fit must be a function like the builtin map"):
        cnn.Ensemble(net).fit(X, LABELS, map="processes")


# ---- tabular estimators


def test_tabular_estimators():
    for kind, y in ((cnn.TabularClassifier, LABELS), (cnn.TabularRegressor, VALUES)):
        model = kind(n_members=4, max_iter=5, hidden_layer_sizes=8, random_state=0)
        workers = Workers(2)
        spread = model.fit(X, y, map=workers).ensemble_
        same(spread, kind(**model.get_params()).fit(X, y).ensemble_)
        assert {len(ranks) for ranks in workers.ranks} == {2}
