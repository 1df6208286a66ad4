"""cnn.search: candidates that are trained together, and the model of the best one."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.tuning import Real

RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]


@pytest.fixture
def rows(rng):
    """X (120, 4), and y (120,) of three classes."""
    X = rng.normal(size=(120, 4))
    return X, np.array(["a", "b", "c"])[np.clip(np.round(X[:, 0] + X[:, 1] * X[:, 2]) + 1, 0, 2).astype(int)]


@pytest.fixture
def values(rows):
    X, _ = rows
    return X, 100 + 30 * X[:, 0] * X[:, 1] + X[:, 2]


def classifier(**parameters):
    return cnn.MLPClassifier(**{"hidden_layer_sizes": (8,), "max_iter": 8, "standardize": True} | parameters)


def network(**parameters):
    layers = [cnn.Dense(8, "relu", dropout=0.1), cnn.Dense(3)]
    return cnn.Network(layers, **{"optimizer": cnn.Adam(0.01), "standardize": True} | parameters)


def same_weights(model, other):
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return all((W == V).all() and (b == c).all() for (W, b), (V, c) in pairs)


# ---- the result


def test_the_best_estimator(rows):
    X, y = rows
    model, space = classifier(), {"learning_rate_init": RATES, "hidden_layer_sizes": [4, (16, 8)]}
    best = cnn.search(model, X, y, space=space, n_candidates=10, random_state=0)
    results = best.results_
    i = int(np.nanargmin(results["val_loss"]))
    assert type(best) is cnn.MLPClassifier
    assert best.best_params_ == results["params"][i]
    assert best.best_score_ == results["val_loss"][i]
    assert results["rank"][i] == 1
    assert sorted(results["rank"]) == list(range(1, 11))
    assert best.get_params() == model.get_params() | best.best_params_
    assert model.learning_rate_init == 0.001, "the estimator of the user is not changed"
    assert best.n_iter_ == results["best_epoch"][i] == len(best.loss_curve_)
    assert best.stop_reason_ == "max_iter"
    assert best.classes_.tolist() == ["a", "b", "c"]
    assert best.score(X, y) > 0.6
    assert not hasattr(model, "network_")


def test_seeds_decide(rows):
    X, y = rows
    options = {"space": {"learning_rate_init": Real(1e-3, 1.0, log=True)}, "n_candidates": 6}
    first = cnn.search(classifier(), X, y, random_state=3, **options)
    again = cnn.search(classifier(), X, y, random_state=3, n_threads=2, **options)
    other = cnn.search(classifier(), X, y, random_state=4, **options)
    assert (first.results_["val_loss"] == again.results_["val_loss"]).all()
    assert (first.predict_proba(X) == again.predict_proba(X)).all()
    assert (first.results_["val_loss"] != other.results_["val_loss"]).all()


def test_the_score_of_the_best_is_reproduced_alone(rows):
    """Same validation rows, order and bits, without the other candidates."""
    X, y = rows
    options = {"random_state": 5, "refit": False, "halving": None}
    space = {"learning_rate_init": RATES, "hidden_layer_sizes": [3, (16, 8)], "dropout": [0.0, 0.2]}
    best = cnn.search(classifier(), X, y, space=space, n_candidates=8, **options)
    alone = cnn.search(
        classifier(), X, y, space={name: [value] for name, value in best.best_params_.items()}, **options
    )
    assert alone.best_score_ == best.best_score_
    assert same_weights(alone.network_, best.network_)


def test_halving_does_not_change_the_candidates_that_are_left(rows):
    X, y = rows
    options = {"space": {"learning_rate_init": RATES}, "random_state": 5}
    halved = cnn.search(classifier(), X, y, halving=(0.25, 0.5), **options).results_
    full = cnn.search(classifier(), X, y, halving=None, **options).results_
    left = halved["status"] == "completed"
    assert (halved["epochs"][left] == 8).all()
    assert sorted(halved["epochs"]) == [2, 2, 2, 4, 8, 8]
    assert (halved["val_loss"][left] == full["val_loss"][left]).all()
    assert (halved["val_loss"][~left] >= full["val_loss"][~left]).all()
    assert halved["val_loss"][left].max() < halved["val_loss"][~left].min()


def test_estimators_are_trained_as_by_fit(rows):
    """Without shuffling, the order of the rows is that of fit: the same bits of weights, losses and penalties."""
    X, y = rows
    X, y, held_out = X[:80], y[:80], (X[80:], y[80:])
    for parameters in (
        {"alpha": 0.1},
        {"solver": "sgd", "l1": 0.01, "batch_size": 24},
        {"dropout": 0.3, "weight_decay": 0.1, "activation": "logistic"},
        {"norm": "layer", "ema": 0.9, "dtype": "float64", "hidden_layer_sizes": (8, 4)},
    ):
        model = classifier(shuffle=False, random_state=3, **parameters)
        space = {"learning_rate_init": [0.01, 1e-7]}
        best = cnn.search(model, X, y, space=space, validation_data=held_out, halving=None)
        alone = model.set_params(learning_rate_init=0.01, max_iter=best.network_.best_epoch_).fit(X, y)
        assert same_weights(best.network_, alone.network_), parameters
        n = len(alone.loss_curve_)
        # the history has the losses in float64, in which fit adds the penalty as here
        np.testing.assert_allclose(best.loss_curve_[:n], alone.loss_curve_, rtol=1e-12)


def test_a_network_is_trained_as_by_an_ensemble(rows):
    X, y = rows
    mask = np.arange(120) % 4 == 0
    best = cnn.search(
        network(seed=3),
        X,
        y,
        space={"optimizer": [cnn.Adam(0.001), cnn.AdamW(0.02)]},
        epochs=6,
        batch_size=16,
        validation=mask,
        random_state=7,
        refit=False,
    )
    assert best.best_params_ == {"optimizer": cnn.AdamW(0.02)}
    alone = cnn.Ensemble([network(seed=3, optimizer=cnn.AdamW(0.02))], seed=7, calibrated=False)
    alone.fit(X, y, epochs=6, batch_size=16, validation=mask)
    assert same_weights(best, alone.members_[0])
    assert best.best_score_ == min(alone.members_[0].history["val_loss"])
    assert best.loss(X[mask], y[mask]) == pytest.approx(best.best_score_, rel=1e-6)  # float32 sums


def test_the_refitted_network_has_all_rows_and_the_best_number_of_epochs(rows):
    X, y = rows
    space = {"optimizer": [cnn.Adam(0.01), cnn.SGD(0.3)]}
    best = cnn.search(network(seed=3), X, y, space=space, epochs=6, random_state=7)
    i = best.results_["rank"].argmin()
    alone = cnn.Ensemble([network(seed=3, **best.best_params_)], seed=7, calibrated=False)
    alone.fit(X, y, epochs=int(best.results_["best_epoch"][i]), validation=None)
    assert same_weights(best, alone.members_[0])


# ---- early ends


def test_a_candidate_ends_at_its_target(rows):
    """As its fit does, whose last epoch it has; others are trained further."""
    X, y = rows
    held_out = X[80:], y[80:]
    model = classifier(shuffle=False, random_state=3, learning_rate_init=0.03, max_iter=20)
    space = {"target": [None, ("loss", 0.6), ("val_loss", 0.9), ("val_loss", 0.1)]}
    results = cnn.search(model, X[:80], y[:80], space=space, validation_data=held_out, halving=None).results_
    epochs = [
        cnn.MLPClassifier(**model.get_params() | params).fit(X[:80], y[:80], validation_data=held_out).n_iter_
        for params in results["params"]
    ]
    assert results["epochs"].tolist() == epochs
    assert epochs[0] == epochs[3] == 20
    assert 1 < epochs[1] < 20
    assert 1 < epochs[2] < 20
    assert set(results["status"]) == {"completed"}
    space = {"target": [("val_loss", 0.9)]}
    best = cnn.search(model, X[:80], y[:80], space=space, validation_data=held_out)
    assert best.stop_reason_ == "target"
    with pytest.raises(
        ValueError, match=r"candidate 0, .*target monitors 'val_score', but a search with monitor='val_l"
    ):
        cnn.search(model, X, y, space={"target": [("val_score", 0.9)]})
    scored = cnn.search(model, X, y, space={"target": [("val_score", 0.5)]}, monitor="val_score")
    assert scored.results_["epochs"][0] < 20
    with pytest.raises(TypeError, match="target' parameter of fit must be a pair"):
        cnn.search(model, X, y, space={"target": [0.9]})


def test_callbacks_see_the_results_so_far_and_end_the_search(rows):
    X, y = rows
    seen = []

    def ends(results):
        seen.append(results)
        return len(seen) == 2

    options = {"space": {"learning_rate_init": RATES}, "random_state": 5, "halving": (0.25, 0.5, 0.75)}
    best = cnn.search(classifier(), X, y, callbacks=[ends], **options)
    assert [sorted(each["epochs"]) for each in seen] == [[2] * 6, [2] * 3 + [4] * 3]
    assert sorted(best.results_["status"]) == ["dropped"] * 4 + ["stopped"] * 2
    assert best.best_score_ == np.nanmin(seen[1]["val_loss"])
    whole = cnn.search(classifier(), X, y, callbacks=[lambda results: "not True"], **options)
    assert whole.results_["epochs"].max() == 8
    with pytest.raises(TypeError, match="The 'callbacks' parameter of search must be a list of functions"):
        cnn.search(classifier(), X, y, callbacks=ends, **options)


# ---- estimators


def test_parameters_of_a_network(rows):
    X, y = rows
    space = {
        "layers": [[cnn.Dense(3)], [cnn.Dense(8, "tanh"), cnn.Dense(3)]],
        "epochs": [2, 4],
        "batch_size": [8, 64],
        "l2": Real(0.0, 0.1),
    }
    best = cnn.search(network(), X, y, space=space, n_candidates=8, random_state=1)
    assert isinstance(best, cnn.Network)
    assert set(best.results_["epochs"]) <= {1, 2, 4}
    assert best.layers == tuple(best.best_params_["layers"])


def test_a_function_of_the_parameters(rows):
    X, y = rows

    def make(units, rate=0.01):
        return cnn.Network([cnn.Dense(units, "relu"), cnn.Dense(3)], optimizer=cnn.Adam(rate))

    best = cnn.search(make, X, y, space={"units": [2, 4, 8], "epochs": [3, 6]}, random_state=1)
    assert best.layers[0].units == best.best_params_["units"]
    assert len(best.results_["params"]) == 6
    with pytest.raises(
        ValueError, match=r"space has 'unit', which is no parameter of make. Did you mean 'units'?"
    ):
        cnn.search(make, X, y, space={"unit": [2]})


def test_candidates_with_other_inputs_are_compared_as_well(rows):
    X, y = rows
    space = {"standardize": [False, True, "robust"], "batch_size": [8, 32], "dtype": ["float32", "float64"]}
    best = cnn.search(classifier(), X * [1, 10, 1e-3, 1], y, space=space, random_state=0, halving=(0.5,))
    results = best.results_
    assert sorted(np.unique(results["status"], return_counts=True)[1].tolist()) == [6, 6]
    assert np.isfinite(results["val_loss"]).all()
    assert best.standardize is not False


def test_values(values):
    X, y = values
    model = cnn.MLPRegressor(hidden_layer_sizes=16, max_iter=10, standardize=True, scale_targets=True)
    space = {"learning_rate_init": RATES, "activation": ["relu", "tanh"]}
    best = cnn.search(model, X, y, space=space, random_state=0, monitor="val_score")
    assert best.best_score_ == best.results_["val_score"].max()
    assert best.results_["rank"][best.results_["val_score"].argmax()] == 1
    assert best.score(X, y) > 0.7
    scaled = {"scale_targets": [True, False]}
    found = cnn.search(model, X, y, space=scaled, random_state=0, monitor="val_score")
    assert found.best_params_ == {"scale_targets": True}
    with pytest.raises(
        ValueError, match=r"candidate 1.*scale_targets=False, candidate 0 has True.*val_score"
    ):
        cnn.search(model, X, y, space=scaled, random_state=0)


def test_tables(rng):
    pandas = pytest.importorskip("pandas")
    city = rng.choice(["Ulm", "Bonn", "Kiel"], 150)
    X = pandas.DataFrame({"size": rng.normal(size=150), "city": city})
    X.loc[::7, "size"] = np.nan
    y = (city == "Ulm") ^ (X["size"].to_numpy() > 0.5)
    model = classifier(categorical_features="auto", max_iter=30, learning_rate_init=0.03, batch_size=16)
    space = {"embeddings": [None, 2], "numeric_embeddings": [None, "piecewise_linear"]}
    best = cnn.search(model, X, y, space=space, random_state=0)
    assert best.feature_names_in_.tolist() == ["size", "city"]
    assert best.score(X, y) > 0.75
    assert best.predict(X.iloc[:1]).dtype == bool


def test_sparse_rows_and_several_labels(rng):
    sparse = pytest.importorskip("scipy.sparse")
    X = rng.normal(size=(60, 5)) * (rng.random((60, 5)) < 0.3)
    y = (X[:, :2] > 0).astype(int)
    best = cnn.search(
        cnn.MLPClassifier(hidden_layer_sizes=8, max_iter=5),
        sparse.csr_array(X),
        y,
        space={"alpha": [1e-4, 1.0]},
        random_state=0,
    )
    assert best.predict(X).shape == (60, 2)


def test_tabular_estimators(rows):
    """The worse half is dropped, and the best one has the bits of its fit."""
    X, y = rows
    model = cnn.TabularClassifier(n_members=2, max_iter=4, hidden_layer_sizes=8, monitor="val_loss")
    space = {"dropout": [0.0, 0.9], "norm": [None, "rms"], "refit": [False, True]}
    best = cnn.search(model, X, y, space=space, n_candidates=6, halving=(0.5,), random_state=0)
    assert type(best) is cnn.TabularClassifier
    assert best.get_params() == model.get_params() | best.best_params_ | {"random_state": 0}
    assert sorted(best.results_["status"]) == ["completed"] * 3 + ["dropped"] * 3
    assert sorted(best.results_["epochs"]) == [2, 2, 2, 4, 4, 4]
    same = cnn.TabularClassifier(**best.get_params()).fit(X, y)
    assert (same.predict_proba(X) == best.predict_proba(X)).all()
    np.testing.assert_array_equal(same.oof_, best.oof_)
    assert same.history_["val_loss"] == best.history_["val_loss"]
    assert same.stop_reason_ == best.stop_reason_ == "max_iter"
    assert best.report_["n_members"] == 2
    values = [min(net.history["val_loss"]) for net in same.members_]
    assert best.best_score_ == sum(values) / 2


@pytest.mark.parametrize(
    ("parameters", "options", "message"),
    [
        ({}, {"n_kept": 2}, "n_kept=2 is not supported for TabularClassifier"),
        ({}, {"validation": "folds"}, "validation is a parameter of TabularClassifier"),
        ({}, {"validation_fraction": 0.3}, "validation_fraction is a parameter of TabularClassifier"),
        ({"monitor": "val_score"}, {}, "candidate 0.*monitor='val_score' of the estimator differs"),
        ({"time_limit": 3.0}, {}, "candidate 0.*time_limit=3.0 of the estimator has no effect"),
        ({"validation": None}, {}, "candidate 0.*validation=None leaves no validation rows"),
        ({"dropout": 2.0}, {}, "candidate 0.*'dropout' parameter of TabularClassifier"),
    ],
)
def test_what_tabular_estimators_refuse(rows, parameters, options, message):
    model = cnn.TabularClassifier(**{"max_iter": 2, "hidden_layer_sizes": 4} | parameters)
    with pytest.raises(ValueError, match=message):
        cnn.search(model, *rows, space={"n_members": [2, 3]}, **options)


# ---- validation rows


def test_folds(rows):
    X, y = rows
    space = {"learning_rate_init": RATES}
    best = cnn.search(classifier(), X, y, space=space, validation="folds", n_folds=3, random_state=0)
    results = best.results_
    splits = np.stack([results[f"split{i}_val_loss"] for i in range(3)])
    np.testing.assert_allclose(splits.mean(axis=0), results["val_loss"], rtol=1e-12)  # sums of three numbers
    assert (splits[0] != splits[1]).all()
    masks = np.arange(120) % 3 == np.arange(3)[:, None]
    given = cnn.search(classifier(), X, y, space=space, validation=masks, random_state=0)
    assert "split2_val_loss" in given.results_
    with pytest.raises(ValueError, match=r"refit=False with folds"):
        cnn.search(classifier(), X, y, space=space, validation="folds", refit=False)


def test_groups_are_not_divided(rows):
    X, y = rows
    groups = np.repeat(np.arange(12), 10)
    best = cnn.search(
        network(), X, y, space={"l2": [0.0, 0.1]}, validation_groups=groups, n_kept=2, random_state=0
    )
    (mask, _) = best.validation_masks_
    assert mask.reshape(12, 10).all(axis=1).tolist() == mask.reshape(12, 10).any(axis=1).tolist()


def test_weights_of_rows(rows):
    X, y = rows
    weights = np.where(np.arange(120) < 60, 0.0, 2.0)
    mask = np.arange(120) % 4 == 0
    options = {"space": {"learning_rate_init": RATES}, "random_state": 0, "validation": mask, "refit": False}
    weighted = cnn.search(classifier(standardize=False), X, y, sample_weight=weights, **options)
    assert weighted.best_score_ == pytest.approx(
        weighted.network_.loss(X[60:][mask[60:]], y[60:][mask[60:]]),
        rel=1e-6,  # float32 sums in another order
    )


# ---- ensembles of the best


def test_the_best_few_as_an_ensemble(rows):
    X, y = rows
    options = {"space": {"optimizer": [cnn.Adam(rate) for rate in RATES]}, "epochs": 6, "random_state": 2}
    single = cnn.search(network(), X, y, refit=False, **options)
    best = cnn.search(network(), X, y, refit=False, n_kept=3, **options)
    assert isinstance(best, cnn.Ensemble)
    assert best.best_params_ == single.best_params_
    assert len(best.members_) == 3
    assert (best.members_[0].get_weights()[0][0] == single.get_weights()[0][0]).all()
    order = np.argsort(best.results_["val_loss"], kind="stable")[:3]
    assert [net.optimizer for net in best.members_] == [
        best.results_["params"][i]["optimizer"] for i in order
    ]
    assert np.isfinite(best.oof_[best.validation_masks_[0]]).all()
    refitted = cnn.search(network(), X, y, n_kept=3, **options)
    assert (refitted.oof_[best.validation_masks_[0]] == best.oof_[best.validation_masks_[0]]).all()
    assert (refitted.predict_proba(X) != best.predict_proba(X)).any()
    greedy = cnn.search(network(), X, y, n_kept=3, combine="greedy", refit=False, **options)
    assert greedy.weights_.sum() == pytest.approx(1)


def test_the_best_few_with_folds(rows):
    X, y = rows
    space = {"learning_rate_init": RATES}
    best = cnn.search(
        classifier(), X, y, space=space, validation="folds", n_folds=3, n_kept=2, random_state=0
    )
    assert len(best.members_) == 6
    assert np.isfinite(best.oof_).all()
    assert best.score(X, y) > 0.6


# ---- failures


def test_a_candidate_that_diverges_is_recorded(rows):
    X, y = rows
    space = {"optimizer": [cnn.SGD(1e30), cnn.SGD(0.1), cnn.SGD(0.2)]}
    best = cnn.search(network(), X, y, space=space, random_state=0)
    assert best.results_["status"].tolist()[0] == "diverged"
    assert np.isnan(best.results_["val_loss"][0])
    assert best.results_["rank"][0] == 3


def test_all_candidates_diverge(rows):
    X, y = rows
    with pytest.raises(cnn.DivergenceError, match=r"All of 2 candidates of the search have diverged"):
        cnn.search(
            network(), X * 1e30, y, space={"optimizer": [cnn.SGD(1e30), cnn.SGD(1e35)]}, random_state=0
        )


def test_time_limit(rows):
    X, y = rows
    with pytest.raises(TimeoutError, match=r"time_limit has passed before the first epoch of 2 candidates"):
        cnn.search(network(), X, y, space={"l2": [0.0, 0.1]}, time_limit=1e-9)
    best = cnn.search(network(), X, y, space={"l2": [0.0, 0.1]}, epochs=10**6, time_limit=0.2, refit=False)
    assert set(best.results_["status"]) == {"stopped"}
    assert best.results_["epochs"].min() > 0
    assert best.stop_reason_ == "time_limit"


def test_a_time_limit_is_shared_by_all_candidates(rows):
    """Also by those that are trained in different passes: their numbers of epochs grow together."""
    X, y = rows
    space = {"batch_size": [16, 30, 60], "epochs": [10**6]}
    best = cnn.search(network(), X, y, space=space, time_limit=0.3, refit=False)
    epochs = best.results_["epochs"]
    assert 0 < epochs.max() <= 1.25 * epochs.min() + 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"space": {"alhpa": [1]}},
            ValueError,
            "'alhpa', which is no parameter of MLPClassifier. Did you mean 'alpha'",
        ),
        ({"space": {"alpha": [0.1, -1.0]}}, ValueError, "candidate 1, {'alpha': -1.0}: .*alpha"),
        (
            {"space": {"solver": ["adam", "lbfgs"]}},
            ValueError,
            "candidate 1.*'lbfgs' uses all rows in each step",
        ),
        ({"space": {"learning_rate": ["adaptive"]}}, ValueError, "candidate 0.*learning_rate='adaptive'"),
        (
            {"space": {"alpha": [1]}, "epochs": 3},
            ValueError,
            "epochs=3 is for a Network. MLPClassifier has.*max_iter",
        ),
        ({"space": {"alpha": [1]}, "monitor": "loss"}, ValueError, "'monitor' parameter of search"),
        ({"space": {"alpha": [1]}, "validation": None}, ValueError, "validation is None, but a search"),
        ({"space": {"alpha": [1]}, "n_folds": 3}, ValueError, "n_folds=3 has no effect without"),
        ({"space": {"alpha": [1]}, "halving": (0.5, 1.0)}, ValueError, "'halving' parameter of search"),
        ({"space": {"alpha": [1]}, "verbose": "x"}, TypeError, r"'verbose' parameter of search"),
        (
            {"space": {"alpha": [1]}, "validation": np.zeros((0, 120), bool)},
            ValueError,
            r"validation has no set of",
        ),
        ({"space": {"alpha": [1]}, "halving": 2}, TypeError, "'halving' parameter of search must be a list"),
        (
            {"space": {"alpha": [1]}, "combine": "greedy"},
            ValueError,
            "combine='greedy' has no effect with n_kept=1",
        ),
        ({"space": {"alpha": [1]}, "candidates": 3}, TypeError, "unexpected keyword argument 'candidates'"),
        ({"space": {"loss": ["log_loss", "focal"]}}, ValueError, "val_loss cannot be compared"),
    ],
)
def test_wrong_arguments_are_refused(rows, options, error, message):
    X, y = rows
    with pytest.raises(error, match=message):
        cnn.search(classifier(), X, y, **options)


def test_wrong_estimators_are_refused(rows):
    X, y = rows
    for estimator in (3, cnn.MLPClassifier, "MLPClassifier"):
        with pytest.raises(TypeError, match=r"'estimator' parameter of search must be an estimator such as"):
            cnn.search(estimator, X, y, space={"alpha": [1]})
    with pytest.raises(TypeError, match=r"candidate 0, {'a': 1}: <lambda> must return a Network. Got 3"):
        cnn.search(lambda a: 3, X, y, space={"a": [1]})
    for space, message in (
        ({"optimizer": [cnn.LBFGS()]}, "candidate 0.*LBFGS uses all rows"),
        ({"proximal": [False, True]}, "candidate 1.*proximal=True has no effect with l1=0"),
        ({"batch_size": [8, 0]}, "candidate 1, {'batch_size': 0}: The 'batch_size' parameter of Network"),
        (
            {"layers": [[cnn.Dense(3)], [cnn.Dense(2)]]},
            "candidate 1.*y has 3 classes; the network has 2 outputs",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            cnn.search(network(), X, y, space=space)


def test_early_stopping_is_the_patience_of_a_candidate(rows):
    X, y = rows
    space = {"n_iter_no_change": [1, 3, 500], "learning_rate_init": [0.3]}
    model = classifier(early_stopping=True, max_iter=40, tol=0.0)
    best = cnn.search(model, X, y, space=space, random_state=0, halving=None)
    results = best.results_
    assert (results["epochs"][:2] - results["best_epoch"][:2]).tolist() == [1, 3]
    assert results["epochs"][2] == 40
    assert (results["status"] == "completed").all()


def test_lines_are_printed_when_candidates_are_compared(rows, capsys):
    best = cnn.search(
        classifier(), *rows, space={"alpha": [0.1, 0.2, 0.3]}, halving=(0.5,), verbose=1, random_state=0
    )
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith(" 50% of the epochs: 3 candidates, best val_loss ")
    assert last == f"100% of the epochs: 2 candidates, best val_loss {best.best_score_:.4g}"


def test_one_class(rows):
    X, _ = rows
    best = cnn.search(
        classifier(max_iter=2), X, np.full(120, "a"), space={"alpha": [0.1, 1.0]}, random_state=0
    )
    assert best.predict(X).tolist() == ["a"] * 120
