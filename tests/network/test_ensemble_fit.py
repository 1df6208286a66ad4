"""Training of ensembles: validation rows, best weights, selection of members, errors and interruptions."""

import io
import threading

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.callbacks import EarlyStopping
from compiled_nn.training.selection import greedy_weights
from ensembles import LABELS, VALUES, X_NEW, X, classifiers, regressors

CODES = np.searchsorted(["a", "b", "c"], LABELS)


def state(model):
    return (
        model.predict_proba(X_NEW),
        model.weights_,
        model.history,
        model.best_epochs_,
        model.members_[0].history,
    )


# ---- validation rows


def test_random_rows_are_those_of_a_lone_network():
    nets = classifiers(n=3)
    masks = cnn.Ensemble(nets).fit(X, LABELS, epochs=1, validation_fraction=0.3).validation_masks_
    for net, mask in zip(nets, masks, strict=True):
        held_out, _ = net._split_rows(CODES, net.fit(X, LABELS, epochs=1)._outputs.targets, 0.3, None)
        assert np.flatnonzero(mask).tolist() == held_out.tolist()


def test_folds_cover_each_row_once_per_repeat_and_are_stratified():
    model = cnn.Ensemble(classifiers(n=1), n_members=8).fit(
        X, LABELS, epochs=1, validation="folds", n_folds=4
    )
    masks = model.validation_masks_
    assert (masks[:4].sum(axis=0) == 1).all()
    assert (masks[4:].sum(axis=0) == 1).all()
    assert (masks[:4] != masks[4:]).any()
    counts = np.array([np.bincount(CODES[mask], minlength=3) for mask in masks])
    assert (np.ptp(counts, axis=0) <= 1).all()
    assert not np.isnan(model.oof_).any()


@pytest.mark.parametrize("validation", ["random", "folds"])
def test_groups_are_not_divided(validation):
    groups = np.arange(len(X)) // 7
    masks = (
        cnn.Ensemble(classifiers(n=3))
        .fit(X, LABELS, epochs=1, validation=validation, validation_groups=groups)
        .validation_masks_
    )
    for mask in masks:
        assert 0 < mask.sum() < len(X)
        assert all(len(set(mask[groups == group])) == 1 for group in range(groups[-1] + 1))


def test_classes_of_one_row_are_trained_on():
    y = np.where(np.arange(len(X)) == 5, "z", LABELS)
    nets = [cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(4)], seed=seed) for seed in range(3)]
    masks = cnn.Ensemble(nets).fit(X, y, epochs=1).validation_masks_
    assert not masks[:, 5].any()


def test_out_of_fold_predictions_are_those_of_the_members_that_did_not_train_on_a_row():
    model = cnn.Ensemble(regressors("float64")).fit(X, VALUES, epochs=4, validation="random")
    predictions = np.array([net.predict(X) for net in model.members_])
    masks = model.validation_masks_
    with np.errstate(invalid="ignore"):
        expected = np.where(masks, predictions, 0).sum(axis=0) / masks.sum(axis=0)
    np.testing.assert_allclose(model.oof_, expected, rtol=1e-12)
    assert np.isnan(model.oof_).any()
    folds = cnn.Ensemble(classifiers("float64")).fit(X, LABELS, epochs=4, validation="folds")
    for net, mask in zip(folds.members_, folds.validation_masks_, strict=True):
        np.testing.assert_allclose(folds.oof_[mask], net.predict_proba(X[mask]), rtol=1e-12)


def test_rows_of_fit_do_not_leak_into_the_weights_of_members():
    """Other labels of the validation rows of a member do not change its weights, only the choice of its epoch."""
    net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(3)], seed=0)
    mask = np.arange(len(X)) % 4 == 0
    other = np.where(mask, "a", LABELS)
    models = [cnn.Ensemble([net]).fit(X, y, epochs=1, validation=mask).members_[0] for y in (LABELS, other)]
    for a, b in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        assert np.array_equal(a[0], b[0])


# ---- best weights


@pytest.mark.parametrize("monitor", ["val_loss", "val_score"])
def test_each_member_has_the_weights_of_its_best_epoch(monitor):
    nets = classifiers("float64", 4)
    model = cnn.Ensemble(nets, calibrated=False).fit(
        X, LABELS, epochs=15, validation="folds", monitor=monitor
    )
    for i, (net, mask) in enumerate(zip(model.members_, model.validation_masks_, strict=True)):
        column = np.array(net.history[monitor])
        best = np.argmin(column) if monitor == "val_loss" else np.argmax(column)
        assert model.best_epochs_[i] == net.best_epoch_ == best + 1
        found = net.loss(X[mask], LABELS[mask]) if monitor == "val_loss" else net.score(X[mask], LABELS[mask])
        assert found == pytest.approx(column[best], rel=1e-12)
        short = cnn.Ensemble([nets[i]], seed=model._seed, calibrated=False)
        short.fit(X, LABELS, epochs=int(best) + 1, validation=mask, monitor=monitor)
        assert np.array_equal(short.predict_proba(X_NEW), net.predict_proba(X_NEW))


def test_validation_data():
    model = cnn.Ensemble(classifiers(n=3), combine="greedy").fit(
        X[:150], LABELS[:150], epochs=5, validation_data=(X[150:], LABELS[150:])
    )
    assert model.validation_masks_ is None
    assert not hasattr(model, "oof_")
    for net in model.members_:
        best = min(net.history["val_loss"])
        # float32 sums of about 50 rows
        assert net.history["val_loss"][net.best_epoch_ - 1] == best
        T, net._outputs = net.temperature_, net._outputs.replace(calibration=cnn.calibration.Calibration())
        assert net.loss(X[150:], LABELS[150:]) == pytest.approx(best, rel=1e-5)
        assert 0.01 <= T <= 100


def test_patience_stops_members_one_by_one():
    model = cnn.Ensemble(classifiers(n=4)).fit(X, LABELS, epochs=200, patience=3)
    assert model.stop_reason_ == "early_stopping"
    lengths = [len(net.history["epoch"]) for net in model.members_]
    assert lengths == [best + 3 for best in model.best_epochs_]
    assert len(set(lengths)) > 1
    assert model.history["n_members"][-1] < 4
    assert len(model.history["epoch"]) == max(lengths)


def test_class_weights_sample_weights_and_zero_weights():
    weights = np.where(np.arange(len(X)) % 3 == 0, 0.0, 2.0)
    rows = np.flatnonzero(weights)
    nets = [
        cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(3)], dtype="float64", seed=seed) for seed in range(2)
    ]
    mask = np.arange(len(X)) % 5 == 1
    weighted = cnn.Ensemble(nets).fit(
        X,
        LABELS,
        epochs=3,
        batch_size="full",
        sample_weight=weights,
        validation=mask,
        class_weight="balanced",
    )
    alone = cnn.Ensemble(nets).fit(
        X[rows], LABELS[rows], epochs=3, batch_size="full", validation=mask[rows], class_weight="balanced"
    )
    # The sums over the rows of a batch have other terms of 0 between them.
    np.testing.assert_allclose(weighted.predict_proba(X_NEW), alone.predict_proba(X_NEW), rtol=1e-9)
    assert np.array_equal(np.isnan(weighted.oof_[:, 0]), ~(mask))


# ---- selection


def test_greedy_selection_of_parts():
    y = np.array([[1.0], [2.0], [3.0], [4.0]])
    parts = [y + 1, y - 1, y + 10]
    assert greedy_weights(parts, lambda mean: float(np.square(mean - y).mean())).tolist() == [0.5, 0.5, 0]
    assert greedy_weights([y, y + 1], lambda mean: float(np.square(mean - y).mean())).tolist() == [1, 0]


def test_greedy_selection_leaves_out_a_bad_member():
    good = classifiers(n=2)
    bad = cnn.Network([cnn.Dense(2, "relu"), cnn.Dense(3)], optimizer=cnn.SGD(1e-6), standardize=True, seed=9)
    model = cnn.Ensemble([*good, bad], combine="greedy").fit(X, LABELS, epochs=20)
    assert model.weights_[2] == 0
    assert model.weights_.sum() == pytest.approx(1)
    masks = model.validation_masks_
    assert (masks == masks[0]).all()


def test_greedy_selection_needs_common_validation_rows():
    masks = np.arange(len(X)) % 4 == np.arange(2)[:, np.newaxis]
    model = cnn.Ensemble(classifiers(n=2), combine="greedy")
    with pytest.raises(ValueError, match="compares the members on the same validation rows"):
        model.fit(X, LABELS, epochs=1, validation=masks)
    assert model.fit(X, LABELS, epochs=1, validation=masks[0]).weights_.sum() == pytest.approx(1)


def test_greedy_selection_of_repeats():
    model = cnn.Ensemble(classifiers(n=2), n_members=6, combine="greedy")
    model.fit(X, LABELS, epochs=5, validation="folds", n_folds=2)
    weights = model.weights_.reshape(3, 2)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert not np.isnan(model.oof_).any()


def test_halving_drops_the_worse_half():
    nets = [
        cnn.Network([cnn.Dense(8, "relu"), cnn.Dense(3)], optimizer=cnn.Adam(rate), standardize=True, seed=1)
        for rate in (1e-6, 0.02, 1e-5, 0.01)
    ]
    mask = np.arange(len(X)) % 4 == 0
    model = cnn.Ensemble(nets, seed=3).fit(X, LABELS, epochs=8, validation=mask, halving=(0.25, 0.5))
    assert model.indices_.tolist() == [1]
    assert model.history["n_members"] == [4, 4, 2, 2, 1, 1, 1, 1]
    whole = cnn.Ensemble([nets[1]], seed=3).fit(X, LABELS, epochs=8, validation=mask)
    assert np.array_equal(model.predict_proba(X_NEW), whole.predict_proba(X_NEW))
    folds = cnn.Ensemble(classifiers(n=2), n_members=8).fit(
        X, LABELS, epochs=4, validation="folds", n_folds=2, halving=[0.5]
    )
    assert len(folds.members_) == 4
    assert (np.bincount(folds.indices_ // 2)[np.unique(folds.indices_ // 2)] == 2).all()
    assert not np.isnan(folds.oof_).any()


def test_refit_trains_on_all_rows_for_the_best_number_of_epochs():
    nets = classifiers("float64", 4)
    first = cnn.Ensemble(nets).fit(X, LABELS, epochs=10)
    again = cnn.Ensemble(nets).fit(X, LABELS, epochs=10, refit=True)
    assert np.array_equal(again.oof_, first.oof_, equal_nan=True)
    assert again.temperatures_.tolist() == first.temperatures_.tolist()
    assert again.best_epochs_.tolist() == first.best_epochs_.tolist()
    for net, member, epochs in zip(nets, again.members_, again.best_epochs_, strict=True):
        alone = cnn.Ensemble([net], seed=first._seed).fit(X, LABELS, epochs=int(epochs), validation=None)
        for a, b in zip(alone.members_[0].get_weights(), member.get_weights(), strict=True):
            assert np.array_equal(a[0], b[0])


# ---- errors and interruptions


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"validation": "fold"}, "Did you mean 'folds'"),
        ({"validation": np.ones(5)}, "dtype float64; expected bool"),
        ({"validation": np.ones(5, bool)}, r"shape \(5,\); expected \(3, 203\)"),
        ({"validation": np.ones(203, bool)}, "Member 0 has no training rows"),
        ({"validation": np.zeros((3, 203), bool)}, "Member 0 has no validation rows"),
        ({"validation": "random", "validation_data": (X, LABELS)}, "validation_data is given as well"),
        (
            {"validation_data": (X, LABELS), "validation_fraction": 0.1},
            "validation_fraction=0.1 has no effect",
        ),
        ({"validation": "folds", "validation_fraction": 0.1}, "validation_fraction=0.1 has no effect"),
        ({"n_folds": 3}, "n_folds=3 has no effect"),
        ({"validation": "folds", "n_folds": 4}, "n_folds is 4, but the ensemble has 3 members"),
        ({"validation": None, "patience": 3}, "patience needs validation rows"),
        ({"validation": None, "halving": (0.5,)}, "halving needs validation rows"),
        ({"validation": None, "refit": True}, "refit needs validation rows"),
        ({"validation": None, "monitor": "val_score"}, "monitor='val_score' needs validation rows"),
        ({"validation": None, "validation_groups": CODES}, "validation_groups needs validation rows"),
        ({"validation_data": (X, LABELS), "refit": True}, "refit=True has no effect"),
        ({"validation": "folds", "halving": (0.5,)}, "all members of a repeat are needed"),
        ({"halving": "half"}, "must be a list of fractions"),
        ({"halving": [1.5]}, "halving"),
        ({"monitor": "loss"}, "monitor"),
        ({"refit": True, "warm_start": True}, "warm_start has no effect"),
        ({"callbacks": [EarlyStopping()]}, "pass patience"),
        ({"validation_groups": np.zeros(203)}, "1 group"),
        ({"validation": "folds", "validation_groups": CODES[:100] // 2}, "validation_groups"),
        ({"epochs": -1}, "epochs"),
        ({"batchsize": 3}, "batch_size"),
        ({"sample_weight": np.zeros(203)}, "sample_weight"),
        ({"class_weight": {"d": 2}}, "d"),
    ],
)
def test_refused_arguments_change_nothing(arguments, message):
    model = cnn.Ensemble(classifiers()).fit(X, LABELS, epochs=2)
    before = state(model)
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(X, LABELS, **arguments)
    for old, new in zip(before, state(model), strict=True):
        assert np.array_equal(old, new) if isinstance(old, np.ndarray) else old == new


def test_refused_rows_change_nothing():
    model = cnn.Ensemble(classifiers()).fit(X, LABELS, epochs=2)
    before = state(model)
    for rows, labels in (
        (X[:, :3], LABELS[:9]),
        (np.where(X > 2, np.nan, X), LABELS),
        (X, np.repeat("a", 203)),
    ):
        with pytest.raises(ValueError, match=r"203|has 1 class|NaN"):
            model.fit(rows, labels)
        assert np.array_equal(before[0], model.predict_proba(X_NEW))
    with pytest.raises(ValueError, match="X had 203 rows before, and has 100 now"):
        model.fit(X[:100], LABELS[:100], warm_start=True)
    with pytest.raises(ValueError, match="pass the same validation"):
        model.fit(X, LABELS, warm_start=True, validation=None)


@pytest.mark.parametrize(
    ("members", "options", "message"),
    [
        ([], {}, "is empty"),
        ("net", {}, "must be a Network, or a list of them"),
        ([1], {}, "must be a Network, or a list of them"),
        (classifiers(n=2), {"n_members": 1}, "members has 2 networks"),
        (classifiers(n=2), {"combine": "median"}, "combine"),
        (classifiers(n=2), {"calibrated": 1}, "calibrated"),
        (classifiers(n=2), {"n_threads": 0}, "The 'n_threads' parameter of Ensemble"),
        (
            [*classifiers(n=1), *classifiers("float64", 1)],
            {},
            "Member 1 has dtype='float64', member 0 has 'float32'",
        ),
        ([*classifiers(n=1), *regressors()], {}, "Member 1 has loss="),
        (
            [*classifiers(n=1), cnn.Network([cnn.Dense(4)], standardize=True)],
            {},
            "Member 1 has units of the last layer=4",
        ),
        ([*classifiers(n=1), cnn.Network([cnn.Dense(3)])], {}, "Member 1 has standardize=False"),
        (cnn.Network([cnn.Dense(3)], optimizer=cnn.LBFGS()), {}, "LBFGS"),
    ],
)
def test_members_that_do_not_match(members, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        cnn.Ensemble(members, **options)


def test_members_may_differ_in_label_smoothing():
    smooth = cnn.losses.SoftmaxCrossEntropy(label_smoothing=0.1)
    nets = [cnn.Network([cnn.Dense(3)], loss=loss, seed=0) for loss in ("softmax_cross_entropy", smooth)]
    model = cnn.Ensemble(nets).fit(X, LABELS, epochs=3)
    assert model.members_[0].predict_proba(X_NEW).shape == (50, 3)
    assert model.members_[1]._outputs.targets.loss == smooth


def test_an_ensemble_that_is_not_fitted():
    model = cnn.Ensemble(classifiers())
    for use in (
        lambda: model.predict(X),
        lambda: model.members_,
        lambda: model.weights_,
        lambda: model.oof_,
        lambda: model.save("nowhere"),
        lambda: model.input_gradient(X),
        lambda: model.calibrate(X, LABELS),
        lambda: model.loss(X, LABELS),
    ):
        with pytest.raises(cnn.NotFittedError, match="This Ensemble instance is not fitted yet"):
            use()
    assert not hasattr(model, "classes_")


def test_a_member_that_diverges_is_dropped():
    steep = cnn.Network(
        [cnn.Dense(4, "relu"), cnn.Dense(1)], loss="mse", optimizer=cnn.SGD(1e4), standardize=True, seed=0
    )
    with pytest.warns(cnn.CompiledNNWarning, match="Member 1 of the ensemble has diverged in epoch"):
        model = cnn.Ensemble([regressors()[0], steep, regressors()[2]]).fit(X, VALUES, epochs=5)
    assert model.indices_.tolist() == [0, 2]
    assert model.weights_.tolist() == [0.5, 0.5]
    assert np.isfinite(model.predict(X_NEW)).all()
    model = cnn.Ensemble(steep, n_members=2)
    with pytest.raises(cnn.DivergenceError, match="The ensemble keeps its last finite weights"):
        model.fit(X, VALUES, epochs=5)
    assert np.isfinite(model.predict(X_NEW)).all()
    assert len(model.members_) == 2


def test_an_exception_of_a_callback_leaves_the_weights_of_the_last_step():
    model = cnn.Ensemble(classifiers(n=3), calibrated=False)
    seen = []

    def fail(ensemble, epoch, history):
        seen.append(ensemble.predict_proba(X_NEW))
        if epoch == 3:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        model.fit(X, LABELS, epochs=9, callbacks=[fail])
    assert np.array_equal(model.predict_proba(X_NEW), seen[-1])
    assert not np.array_equal(seen[0], seen[-1])
    assert model.stop_reason_ is None
    live = cnn.Ensemble(classifiers(n=3)).fit(X, LABELS, epochs=3, validation=None)
    assert len(live.history["epoch"]) == len(model.history["epoch"])


def test_callbacks_and_interrupts_end_training():
    whole = cnn.Ensemble(classifiers(n=3)).fit(X, LABELS, epochs=4)
    model = cnn.Ensemble(classifiers(n=3)).fit(
        X, LABELS, epochs=9, callbacks=[lambda net, epoch, history: epoch == 4]
    )
    assert model.stop_reason_ == "callback"
    assert np.array_equal(model.predict_proba(X_NEW), whole.predict_proba(X_NEW))

    def interrupt(net, epoch, history):
        if epoch == 4:
            raise KeyboardInterrupt

    model.fit(X, LABELS, epochs=9, callbacks=[interrupt], on_interrupt="return")
    assert model.stop_reason_ == "interrupted"
    assert np.array_equal(model.predict_proba(X_NEW), whole.predict_proba(X_NEW))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, LABELS, epochs=9, callbacks=[interrupt])


def test_training_in_a_callback_is_refused():
    def train(net, epoch, history):
        with pytest.raises(RuntimeError, match="This Ensemble is being trained"):
            net.fit(X, LABELS)

    cnn.Ensemble(classifiers(n=2)).fit(X, LABELS, epochs=2, callbacks=[train])


def test_time_limit(capsys):
    model = cnn.Ensemble(classifiers(n=2)).fit(X, LABELS, epochs=10**7, time_limit=0.3, verbose=0)
    assert model.stop_reason_ == "time_limit"
    assert np.isfinite(model.predict_proba(X_NEW)).all()
    assert all(len(column) == len(model.history["epoch"]) for column in model.history.values())
    for net in model.members_:
        assert all(len(column) == len(net.history["epoch"]) for column in net.history.values())
    assert capsys.readouterr().out == ""
    model.fit(X, LABELS, epochs=2, verbose=1)
    assert capsys.readouterr().out.count("epoch ") == 2


def test_other_threads_predict_and_save_while_an_ensemble_is_trained():
    model = cnn.Ensemble(classifiers(n=4)).fit(X, LABELS, epochs=1)
    errors, files, ended = [], [], threading.Event()

    def use():
        while not ended.is_set():
            p = model.predict_proba(X_NEW)
            file = io.BytesIO()
            model.save(file)
            files.append(file.getvalue())
            if not np.allclose(p.sum(axis=1), 1, atol=1e-5):
                errors.append(p)
            with pytest.raises(RuntimeError, match="Another thread trains this ensemble"):
                model.save_checkpoint(io.BytesIO())

    thread = threading.Thread(target=use)

    def wait(net, epoch, history):
        if epoch == 1:
            thread.start()
        if epoch > 3 and files:
            ended.set()
            thread.join()
            return True
        return False

    model.fit(X, LABELS, epochs=10**6, callbacks=[wait])
    assert not errors
    assert model.stop_reason_ == "callback"
    assert cnn.load(files[-1]).predict(X_NEW).shape == (50,)


def test_plateau_and_target_work_on_the_means_of_the_members():
    plateau = cnn.callbacks.Plateau(
        "loss", patience=1, min_delta=1e9
    )  # no epoch improves: the rate is halved each time
    nets = [cnn.Network([cnn.Dense(3)], optimizer=cnn.SGD(rate), seed=1) for rate in (0.1, 0.2)]
    model = cnn.Ensemble(nets).fit(X, LABELS, epochs=4, callbacks=[plateau])
    assert model.learning_rate_scale < 0.3
    for net, rate in zip(model.members_, (0.1, 0.2), strict=True):
        factors = np.array(net.history["learning_rate"]) / rate
        assert factors[0] == 1
        assert (factors[2:] < 0.6).all()
    target = cnn.callbacks.Target("val_loss", 10.0)
    assert cnn.Ensemble(nets).fit(X, LABELS, epochs=9, callbacks=[target]).history["epoch"] == [1]
    with pytest.raises(ValueError, match="no state of training"):
        cnn.Ensemble(nets).fit(X, LABELS, epochs=1, refit=True).learning_rate_scale = 0.5
