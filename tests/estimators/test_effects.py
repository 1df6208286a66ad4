"""Every parameter of the estimators has an observable effect, or is refused, or is one that scikit-learn ignores."""

import copy
import itertools
from pathlib import Path

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import schedules
from compiled_nn.estimators import combinations
from compiled_nn.training.averaging import SWA
from estimators import BOTH, CLASSIFIER, REGRESSOR
from small import blobs

pytestmark = [pytest.mark.filterwarnings("ignore")]

rng = np.random.default_rng(0)
N_ROWS = 25  # with batches of 10 rows, the last one is smaller
X = rng.normal(size=(N_ROWS, 3))
X[:, 0] = np.arange(N_ROWS) % 7 % 3  # can be categories, the last of which is rare
Y = {CLASSIFIER: (X[:, 1] > -0.6).astype(int), REGRESSOR: 3 * X[:, 1] + X[:, 0]}
SIZES = (3, 4, 4, 1)
WEIGHTS = [rng.normal(size=shape) for shape in itertools.pairwise(SIZES)]
BIASES = [rng.normal(size=n) for n in SIZES[1:]]

# With this tolerance an epoch is never an improvement, so that patience ends training.
BASE = {
    **{"hidden_layer_sizes": (4, 4), "random_state": 0, "batch_size": 10, "max_iter": 8},
    **{"tol": 10.0, "n_iter_no_change": 2, "learning_rate_init": 0.01},
}
STOP = {
    **{"early_stopping": True, "validation_fraction": 0.3, "monitor": "val_loss"},
    **{"learning_rate_init": 2.0, "max_iter": 30, "tol": 0.1},
}
LEFT_OUT = object()

# Conditions: parameters beside those of BASE; LEFT_OUT is the default.
CONDITIONS = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "sgd, invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "sgd without momentum": {"solver": "sgd", "momentum": 0.0},
    "lbfgs": {"solver": "lbfgs", "tol": 0.1, "max_iter": 50},
    "an optimizer": {"optimizer": cnn.RMSprop(0.01, momentum=0.5), "learning_rate_init": LEFT_OUT},
    "the name of an optimizer": {"optimizer": "rmsprop"},
    "the name adamw": {"optimizer": "adamw"},
    "the name sgd": {"optimizer": "sgd"},
    "a schedule": {"schedule": schedules.Step(0.01, every=2), "learning_rate_init": LEFT_OUT},
    "sgd and a schedule": {
        "solver": "sgd",
        "schedule": schedules.Step(0.01, every=2),
        "learning_rate_init": LEFT_OUT,
    },
    "no hidden layers": {"hidden_layer_sizes": ()},
    "early stopping": STOP,
    "early stopping, metrics": STOP | {"metrics": ["max_error"], "n_iter_no_change": 3},
    "all rows": {"batch_size": "full"},
    "n_batches": {"n_batches": 3, "batch_size": LEFT_OUT},
    "standardize": {"standardize": True},
    "categories": {"categorical_features": [0]},
    "min_delta": {"tol": LEFT_OUT, "min_delta": 10.0},
    "no patience": {"n_iter_no_change": np.inf},
    "coefs_init": {"coefs_init": WEIGHTS},
    "l1": {"l1": 0.1},
    "ema": {"ema": 0.9},
    "averaging": {"averaging": SWA(0)},
}


def stop(net, epoch, history):
    return True


CHANGES = {
    **{"hidden_layer_sizes": (4, 5), "activation": "tanh", "solver": "sgd", "alpha": 1.0, "batch_size": 7},
    **{"learning_rate": "invscaling", "learning_rate_init": 0.05, "power_t": 0.1, "max_iter": 1},
    **{"shuffle": False, "random_state": 1, "tol": 1e-9, "verbose": 1, "warm_start": True, "momentum": 0.2},
    **{"nesterovs_momentum": False, "early_stopping": True, "validation_fraction": 0.5, "beta_1": 0.3},
    **{"beta_2": 0.5, "epsilon": 0.1, "n_iter_no_change": 4, "max_fun": 3, "l1": 0.5, "use_bias": False},
    **{"init": "he_normal", "coefs_init": WEIGHTS[::1], "intercepts_init": BIASES, "norm": "layer"},
    **{"residual": True, "dropout": 0.4, "input_dropout": 0.4, "n_batches": 2, "accumulate": 2},
    **{"drop_last": True, "layer_rates": [0, 1, 1], "weight_decay": 0.5, "clip_norm": 1e-3},
    **{"clip_value": 1e-4, "ema": 0.5, "averaging": SWA(2), "optimizer": "lion"},
    **{"schedule": schedules.Step(0.02, every=3), "input_scale": 2.0, "standardize": "minmax"},
    **{"categorical_features": [0], "min_frequency": 0.4, "embeddings": 2, "metrics": ["max_error"]},
    **{"column_types": {1: "ignore"}},
    **{"monitor": "loss", "target": ("loss", 1e9), "min_delta": 1e-9, "restore_best": False},
    **{"precision": "bfloat16", "proximal": True, "numeric_embeddings": "piecewise_linear"},
    **{"time_limit": 1e-9, "on_interrupt": "raise", "dtype": "float64", "n_threads": 2, "callbacks": [stop]},
    **{"preset": "tabular"},
}
OWN = {
    CLASSIFIER: {"loss": "binary_cross_entropy", "class_weight": {0: 5.0}, "label_smoothing": 0.3},
    REGRESSOR: {"loss": "mae", "scale_targets": True, "output_activation": "tanh"},
}
OWN[CLASSIFIER]["loss"] = cnn.losses.Focal(3.0, link="sigmoid")
# The effect of these shows only when training is interrupted (test_on_interrupt), or another class is created
# (test_tabular).
ELSEWHERE = ("on_interrupt", "preset")
CASES = [(condition, estimator) for condition in CONDITIONS for estimator in (CLASSIFIER, REGRESSOR)]
BY_CONDITION = pytest.mark.parametrize(("condition", "estimator"), CASES)


def parameters(condition, **change):
    given = BASE | CONDITIONS[condition] | change
    return {name: value for name, value in given.items() if value is not LEFT_OUT}


def changes(estimator, condition):
    """Return the changed values of all parameters; arrays have the shapes of the network."""
    values = CHANGES | OWN[estimator]
    for name in ELSEWHERE:
        values.pop(name)
    if "early stopping" in condition:
        values["tol"] = 100.0
    if CONDITIONS[condition].get("hidden_layer_sizes") == ():
        values |= {"coefs_init": [WEIGHTS[0][:, :1]], "intercepts_init": BIASES[-1:], "layer_rates": [0.5]}
    if "categorical_features" in CONDITIONS[condition]:
        shape = (X.shape[1] + 2, 4)  # three categories take the place of one column
        values["coefs_init"] = [np.ones(shape), *WEIGHTS[1:]]
    return values


def unused(condition):
    """Return the parameters without an effect once there are weights: nothing is drawn if one batch has all rows."""
    return ("random_state",) if condition in ("all rows", "lbfgs") else ()


def observed(model, printed):
    """Return everything that a parameter can have an effect on."""
    history = {name: column for name, column in model.history_.items() if name != "seconds"}
    names = ("n_iter_", "stop_reason_", "loss_curve_", "best_iter_", "best_loss_", "validation_scores_", "t_")
    return repr(
        (
            [array.tobytes() for array in (*model.coefs_, *model.intercepts_)],
            model.predict(X).tobytes(),
            {name: getattr(model, name, None) for name in names},
            history,
            printed,
            model.network_.n_threads,
            None if model.solver == "lbfgs" else model.network_.optimizer,
            str(model.coefs_[0].dtype),
        )
    )


def train(model, capsys, method="fit"):
    options = {"classes": [0, 1]} if method == "partial_fit" and isinstance(model, CLASSIFIER) else {}
    getattr(model, method)(X, Y[type(model)], **options)
    return observed(model, capsys.readouterr().out)


def twice(model, capsys):
    return train(model, capsys) + train(model, capsys)


def outcome(model, name, value, before, attempt):
    """Return whether a changed parameter has an "effect", "none", or is "refused"; None if it is not changed."""
    if repr(model.get_params()[name]) == repr(value):
        return None
    model.set_params(**{name: value})
    try:
        return "none" if attempt(model) == before else "effect"
    except ValueError:
        return "refused"
    except TimeoutError:
        return "effect"


def judge(models, values, before, attempt, unused=()):
    """Return the outcomes of all changes; those that scikit-learn ignores or `unused`, and only those, are "none"."""
    outcomes, wrong = {}, []
    for name, value in values.items():
        model = models()
        outcomes[name] = found = outcome(model, name, value, before, attempt)
        silent = name in unused or combinations.is_silent(model, name)
        if found is not None and (found == "none") != silent and not (found == "refused" and name in unused):
            wrong.append((name, found))
    assert not wrong
    return outcomes


# ---- the table is complete


@BOTH
def test_every_parameter_is_in_the_table(estimator):
    assert set(CHANGES | OWN[estimator]) == set(estimator().get_params())


def test_combinations_name_parameters():
    every = set(CLASSIFIER().get_params()) | set(REGRESSOR().get_params())
    for combination in (*combinations.SILENT, *combinations.REFUSED):
        assert set(combination.names) <= every
    assert set(combinations.NOT_IN_PARTIAL_FIT) <= every


def test_the_page_lists_what_scikit_learn_ignores():
    page = Path(__file__).resolve().parents[2] / "docs" / "guide" / "estimators.md"
    section = page.read_text(encoding="utf-8").split("## Parameters without an effect")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    expected = [[", ".join(f"`{name}`" for name in each.names), each.reason] for each in combinations.SILENT]
    assert rows == expected
    assert all(f"`{name}`" in section for name in combinations.NOT_IN_PARTIAL_FIT)


# ---- set at construction


EFFECTS = {}  # names of the parameters with an effect, by condition and estimator


@BY_CONDITION
def test_a_parameter_has_an_effect_or_is_refused(condition, estimator, capsys):
    before = twice(estimator(**parameters(condition)), capsys)
    outcomes = judge(
        lambda: estimator(**parameters(condition)),
        changes(estimator, condition),
        before,
        lambda model: twice(model, capsys),
    )
    EFFECTS[condition, estimator] = {name for name, found in outcomes.items() if found == "effect"}


@BOTH
def test_each_parameter_has_an_effect_in_some_condition(estimator, capsys):
    for condition in CONDITIONS:
        if (condition, estimator) not in EFFECTS:
            test_a_parameter_has_an_effect_or_is_refused(condition, estimator, capsys)
    seen = set().union(*(EFFECTS[condition, estimator] for condition in CONDITIONS))
    assert seen | set(ELSEWHERE) == set(estimator().get_params())


# ---- set later


@BY_CONDITION
def test_a_warm_start_applies_or_refuses_changes(condition, estimator, capsys):
    first = estimator(**parameters(condition) | {"max_iter": 1}, warm_start=True)
    train(first, capsys)
    first.set_params(max_iter=parameters(condition)["max_iter"])
    before = train(copy.deepcopy(first), capsys)
    values = changes(estimator, condition)
    del values["warm_start"]
    judge(lambda: copy.deepcopy(first), values, before, lambda model: train(model, capsys), unused(condition))


@BY_CONDITION
def test_partial_fit_applies_or_refuses_changes(condition, estimator, capsys):
    if condition in ("lbfgs", "min_delta"):
        pytest.skip("partial_fit exists for adam and sgd only, and does not use min_delta")
    given = parameters(condition)
    given.pop("tol", None)  # which is refused with min_delta
    for name in ("early_stopping", "averaging", "metrics"):
        if name in given:
            with pytest.raises(ValueError, match=f"does not support {name}"):
                train(estimator(**given), capsys, "partial_fit")
            return
    first = estimator(**given)
    train(first, capsys, "partial_fit")
    before = train(copy.deepcopy(first), capsys, "partial_fit")
    judge(
        lambda: copy.deepcopy(first),
        changes(estimator, condition),
        before,
        lambda model: train(model, capsys, "partial_fit"),
        (*combinations.NOT_IN_PARTIAL_FIT, *unused(condition)),
    )


# ---- effects that need more than a fit


@BOTH
def test_on_interrupt(estimator):
    def interrupt(net, epoch, history):
        if epoch == 2:
            raise KeyboardInterrupt

    model = estimator(**BASE, callbacks=[interrupt]).fit(X, Y[estimator])
    assert model.stop_reason_ == "interrupted"
    assert np.isfinite(model.predict(X)).all()
    with pytest.raises(KeyboardInterrupt):
        model.set_params(on_interrupt="raise").fit(X, Y[estimator])


def test_lbfgs_refuses_early_stopping_with_validation_data():
    """Without validation_data scikit-learn ignores early_stopping; with it, a loss is recorded that stops nothing."""
    X, y = blobs(60)
    model = cnn.MLPClassifier(hidden_layer_sizes=4, solver="lbfgs", early_stopping=True, max_iter=3)
    assert model.fit(X, y).n_iter_ <= 3
    before = model.predict_proba(X)
    with pytest.raises(
        ValueError, match="early_stopping=True with validation_data is not supported by solver='lbfgs'"
    ):
        model.fit(X, y, validation_data=(X, y))
    assert (model.predict_proba(X) == before).all()
    model.set_params(early_stopping=False).fit(X, y, validation_data=(X, y))
    assert len(model.history_["val_loss"]) == model.n_iter_
