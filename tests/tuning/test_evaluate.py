"""Candidates that are chosen elsewhere: evaluate, and studies of Optuna."""

import sys

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.tuning import Integer, Real, evaluate, optimize_study


@pytest.fixture
def rows(rng):
    X = rng.normal(size=(120, 4))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


def classifier(**parameters):
    return cnn.MLPClassifier(**{"hidden_layer_sizes": 8, "max_iter": 8, "random_state": 0} | parameters)


def test_candidates_keep_their_order(rows):
    X, y = rows
    rates = [0.3, 0.001, 0.03]
    results = evaluate(classifier(), X, y, [{"learning_rate_init": rate} for rate in rates], random_state=0)
    assert results["param_learning_rate_init"].tolist() == rates
    assert (results["status"] == "completed").all()
    best = cnn.search(classifier(), X, y, space={"learning_rate_init": rates}, random_state=0, halving=None)
    assert (best.results_["val_loss"] == results["val_loss"]).all()


def test_candidates_with_different_parameters(rows):
    X, y = rows
    results = evaluate(classifier(), X, y, [{"alpha": 0.1}, {"dropout": 0.2, "alpha": 1e-3}], random_state=0)
    assert results["param_dropout"].tolist() == [None, 0.2]


def test_wrong_candidates_are_refused(rows):
    X, y = rows
    for candidates in ([], [3]):
        with pytest.raises(TypeError, match="'candidates' parameter of evaluate must be a list"):
            evaluate(classifier(), X, y, candidates)
    with pytest.raises(
        ValueError, match=r"'alhpa', which is no parameter of MLPClassifier. Did you mean 'alpha'"
    ):
        evaluate(classifier(), X, y, [{"alhpa": 3}])
    with pytest.raises(TypeError, match=r"evaluate\(\) got an unexpected.*'monitr'. Did you mean 'monitor'"):
        evaluate(classifier(), X, y, [{"alpha": 3}], monitr="val_loss")


def test_optuna_is_optional(rows, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(
        ImportError, match=r'optimize_study needs Optuna; pip install "compiled-nn\[optuna\]"'
    ):
        optimize_study(None, classifier(), *rows, space={"alpha": [1]}, n_trials=1)


# ---- studies of Optuna


@pytest.fixture
def optuna():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def study_of(optuna, **parameters):
    return optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=5), **parameters)


def test_trials_are_trained_together(optuna, rows):
    X, y = rows
    study = study_of(optuna)
    space = {
        "learning_rate_init": Real(1e-4, 0.3, log=True),
        "hidden_layer_sizes": [(8,), (8, 8), 4],
        "batch_size": Integer(16, 17),
        "activation": ["relu", "tanh"],
    }
    optimize_study(
        study, classifier(), X, y, space=space, n_trials=14, n_together=6, halving=(0.5,), random_state=0
    )
    states = [trial.state.name for trial in study.trials]
    assert len(states) == 14
    assert states.count("PRUNED") == 3 + 3 + 1
    assert states.count("COMPLETE") == 7
    best = study.best_trial
    assert min(best.intermediate_values.values()) == pytest.approx(best.value)
    assert len(best.intermediate_values) == 8
    sizes = {"0: (8,)": (8,), "1: (8, 8)": (8, 8), "2: 4": 4}
    params = best.params | {"hidden_layer_sizes": sizes[best.params["hidden_layer_sizes"]]}
    alone = evaluate(classifier(), X, y, [params], random_state=0)
    assert alone["val_loss"][0] == best.value


def test_a_function_of_the_trial(optuna, rows):
    X, y = rows
    study = study_of(optuna, direction="maximize")

    def make(units):
        return cnn.Network([cnn.Dense(units, "relu"), cnn.Dense(1)], loss="binary_cross_entropy", seed=0)

    optimize_study(
        study,
        make,
        X,
        y,
        space=lambda trial: {"units": trial.suggest_int("units", 2, 9), "epochs": 4},
        n_trials=3,
        monitor="val_score",
        validation="folds",
        n_folds=2,
    )
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3
    assert 0 < study.best_value <= 1


def test_trials_that_fail(optuna, rows):
    X, y = rows
    study = study_of(optuna)
    space = {"solver": ["sgd"], "learning_rate_init": [1e30, 1e-3]}
    optimize_study(study, classifier(), X, y, space=space, n_trials=6, random_state=0)
    states = {trial.params["learning_rate_init"]: trial.state.name for trial in study.trials}
    assert states == {1e30: "FAIL", 1e-3: "COMPLETE"}
    with pytest.raises(ValueError, match="candidate 0"):
        optimize_study(study, classifier(), X, y, space={"alpha": [-1]}, n_trials=2)
    assert [trial.state.name for trial in study.trials[6:]] == ["FAIL", "FAIL"]
    with pytest.raises(
        ValueError, match=r"direction of the study is .'minimize'., but val_score needs 'maximize'"
    ):
        optimize_study(study, classifier(), X, y, space=space, n_trials=2, monitor="val_score")
    with pytest.raises(TypeError, match=r"space\['alpha'\] must be a list, cnn.tuning.Real or"):
        optimize_study(study, classifier(), X, y, space={"alpha": _Rvs()}, n_trials=2)


class _Rvs:
    def rvs(self, random_state):
        return np.float64(0.1)
