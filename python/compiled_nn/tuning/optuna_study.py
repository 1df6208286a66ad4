"""Studies of Optuna whose trials are trained together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..common import checks, optional
from ..common.text import short
from .searching import outcomes_of
from .space import Integer, Params, Real, check_space

if TYPE_CHECKING:
    from .outcomes import Outcome

_CHOICES = (type(None), bool, int, float, str)  # types of categories that Optuna stores


def optimize_study(
    study: Any,
    estimator: Any,
    X: Any,
    y: Any,
    *,
    space: Mapping[str, Any] | Callable[[Any], Params],
    n_trials: int,
    n_together: int = 16,
    **options: Any,
) -> None:
    """Run trials of a study of Optuna, several at a time, which are trained together.

    Optuna's own ``study.optimize`` calls an objective function for one trial after another. Here ``study.ask`` returns
    `n_together` trials, which are compared as by :func:`evaluate`, and ``study.tell`` receives their values, by which
    the next ones are chosen.

    Parameters
    ----------
    study : optuna.Study
        Study of the direction "minimize" for the loss, "maximize" for the score.
    estimator : MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor, Network, or callable
        Model whose parameters are compared, as for :func:`compiled_nn.search`; it is not changed.
    X, y : array-like
        Rows and targets, as for the fit of the estimator.
    space : dict or callable
        Lists of values, :class:`Real` or :class:`Integer` by parameter; or a function of an ``optuna.Trial`` that
        returns a dict of parameters, which it takes from the methods ``suggest_float`` and the like.
    n_trials : int
        Number of trials.
    n_together : int, default 16
        Number of trials that are trained together. A smaller number lets Optuna use earlier results more often.
    **options
        Options of :func:`evaluate`, such as `monitor`, `halving`, `validation` and `random_state`. A trial that halving
        drops has the state PRUNED, one that diverges or is not finished by `time_limit` the state FAIL. Without folds,
        the value after each epoch is reported.

    Raises
    ------
    ImportError
        If Optuna is not installed.
    TypeError, ValueError
        If an argument cannot be used, or the direction of the study does not match `monitor`. Trials that were begun
        have the state FAIL then.

    See Also
    --------
    evaluate : Comparison of stated candidates.
    compiled_nn.callbacks.OptunaPruning : Pruning in an objective function of one's own.

    Examples
    --------
    >>> import optuna
    >>> import compiled_nn as cnn
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> data = cnn.datasets.load_digits()
    >>> study = optuna.create_study(direction="minimize", sampler=optuna.samplers.RandomSampler(seed=0))
    >>> space = {"learning_rate_init": cnn.tuning.Real(1e-4, 1e-1, log=True)}
    >>> model = cnn.MLPClassifier(standardize=True, max_iter=3, random_state=0)
    >>> cnn.tuning.optimize_study(study, model, data.X_train, data.y_train, space=space, n_trials=6, random_state=0)
    >>> len(study.trials), round(study.best_value, 1)
    (6, 0.1)
    """
    optuna = optional.load("optuna", purpose="optimize_study", library="Optuna", extra="optuna")
    n_trials = checks.integer("optimize_study", "n_trials", n_trials, minimum=1)
    n_together = checks.integer("optimize_study", "n_together", n_together, minimum=1)
    monitor = options.get("monitor", "val_loss")
    wanted = "MAXIMIZE" if monitor == "val_score" else "MINIMIZE"
    if [direction.name for direction in study.directions] != [wanted]:
        raise ValueError(
            f"The direction of the study is {[each.name.lower() for each in study.directions]}, but {monitor} needs"
            f" {wanted.lower()!r}. Create the study with optuna.create_study(direction={wanted.lower()!r})."
        )
    suggest = space if callable(space) else _suggestions(space)
    for first in range(0, n_trials, n_together):
        trials = [study.ask() for _ in range(min(n_together, n_trials - first))]
        try:
            params = [suggest(trial) for trial in trials]
            found, _ = outcomes_of(estimator, X, y, params, **options)
        except BaseException:
            for trial in trials:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            raise
        for trial, outcome in zip(trials, found, strict=True):
            _tell(study, trial, outcome, optuna.trial.TrialState, -1.0 if monitor == "val_score" else 1.0)


def _tell(study: Any, trial: Any, outcome: Outcome, states: Any, sign: float) -> None:
    """Tell a study the outcome of a trial."""
    for epoch, value in enumerate(outcome.curve, 1):
        trial.report(value, epoch)
    if outcome.status in ("diverged", "stopped"):
        study.tell(trial, state=states.FAIL)
    elif outcome.status == "dropped":
        if not outcome.curve:
            trial.report(sign * outcome.value, outcome.epochs)
        study.tell(trial, state=states.PRUNED)
    else:
        study.tell(trial, sign * outcome.value)


def _suggestions(space: Any) -> Callable[[Any], Params]:
    """Return a function of a trial that returns the parameters that Optuna suggests for a space."""
    known = check_space(space)
    for name, values in known.items():
        if not isinstance(values, (list, Real, Integer)):
            raise TypeError(
                f"space[{name!r}] must be a list, cnn.tuning.Real or cnn.tuning.Integer for Optuna. Got {short(values)}"
                " instead. For other distributions, pass a function of the trial as space."
            )

    def suggest(trial: Any) -> Params:
        return {name: _suggested(trial, name, values) for name, values in known.items()}

    return suggest


def _suggested(trial: Any, name: str, values: Any) -> Any:
    if isinstance(values, Real):
        return trial.suggest_float(name, values.low, values.high, log=values.log)
    if isinstance(values, Integer):
        return trial.suggest_int(name, values.low, values.high, log=values.log)
    if all(isinstance(value, _CHOICES) for value in values):
        return trial.suggest_categorical(name, values)
    texts = [
        f"{i}: {short(value)}" for i, value in enumerate(values)
    ]  # Optuna stores texts, not lists or objects
    return values[texts.index(trial.suggest_categorical(name, texts))]
