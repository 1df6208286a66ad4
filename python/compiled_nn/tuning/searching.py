"""The function search: candidates of hyper-parameters that are trained together, and the model of the best one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..common import checks
from ..common.errors import CompiledNNWarning, did_you_mean, suggest_keywords, warn
from ..common.text import short
from ..training.ensemble_plan import COMBINATIONS
from . import outcomes
from . import space as spaces
from .comparison import Entry, compare, packed, trained_on_all
from .options import Options, make_options
from .outcomes import Outcome, Results
from .packs import Pack
from .selection import ensemble_of
from .subjects import Subject, TabularSubject, described, subject_of
from .tabular_packs import TabularPack, tabular_entries

if TYPE_CHECKING:
    from ..common.engine import Map
    from ..data.arrays import Array
    from ..training.batches import BatchSize
    from ..training.ensemble_plan import Combination
    from ..training.together import Monitored
    from .space import Params


@suggest_keywords("search")
def search(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    space: Mapping[str, Any],
    n_candidates: int | None = None,
    sample_weight: Any = None,
    validation: Literal["random", "folds"] | Array = "random",
    validation_fraction: float | None = None,
    n_folds: int | None = None,
    validation_groups: Any = None,
    validation_data: tuple[Any, ...] | None = None,
    monitor: Monitored = "val_loss",
    halving: Sequence[float] | Literal["auto"] | None = "auto",
    refit: bool = True,
    n_kept: int = 1,
    combine: Combination = "mean",
    epochs: int | None = None,
    batch_size: BatchSize | None = None,
    time_limit: float | None = None,
    random_state: Any = None,
    n_threads: int | None = None,
    verbose: int = 0,
    callbacks: Sequence[Callable[[Results], object]] = (),
    map: Map | None = None,
) -> Any:
    """Search hyper-parameters, and return the fitted model of the best candidate.

    Candidates with the same inputs, loss and batches are trained together, as the members of an :class:`Ensemble`: X
    is read once, and each batch is used by all of them. They are compared on the same validation rows. By successive
    halving [1]_ the worse half is dropped at some epochs, so that most of the time is spent on good candidates.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor, Network, or callable
        Model whose parameters are searched; it is not changed. A function is called with the parameters of a
        candidate, and returns a :class:`Network`. The parameters of a Network are those of its constructor.
    X, y : array-like
        Rows and targets, as for the fit of the estimator.
    space : dict
        For each parameter a list of values, or a distribution: :class:`tuning.Real`, :class:`tuning.Integer`, or an
        object with a method ``rvs(random_state=)``, such as those of ``scipy.stats``. For a Network, or a function,
        it may have "epochs" and "batch_size".
    n_candidates : int, optional
        Number of candidates that are drawn at random; from lists alone without replacement. None: all combinations.
    sample_weight : array-like (m,), optional
        Weight of each row, at least 0.
    validation : {"random", "folds"} or array of bool, default "random"
        Validation rows, which are the same for all candidates. "random": a part of the rows, stratified by class.
        "folds": each candidate is trained once for each fold. An array (m,), or (n_folds, m) for several sets, is
        True for validation rows.
    validation_fraction : float, optional
        Fraction of the validation rows with "random": 0.2 by default.
    n_folds : int, optional
        Number of folds with "folds": 5 by default.
    validation_groups : array-like (m,), optional
        Group of each row. All rows of a group are on the same side.
    validation_data : (X, y) or (X, y, sample_weight), optional
        Validation rows in place of rows of X.
    monitor : {"val_loss", "val_score"}, default "val_loss"
        Value of the validation rows by which candidates are compared, each at its best epoch. The score is the accuracy
        or R².
    halving : sequence of float, "auto" or None, default "auto"
        Fractions of the epochs after each of which the worse half of the candidates is dropped. "auto": for example
        (0.125, 0.25, 0.5) for 32 candidates, so that 4 of them are trained for all epochs. None: all are.
    refit : bool, default True
        Whether the best candidate is trained again on all rows, from its initial weights, for its best number of
        epochs. It has no effect with `validation_data`, where all rows of X are trained on already.
    n_kept : int, default 1
        Number of candidates that are kept. With more than 1 the result is an :class:`Ensemble` of the best ones that
        were trained together with the best one.
    combine : {"mean", "greedy"}, default "mean"
        How the members of that ensemble are combined.
    epochs, batch_size : int, optional
        Arguments of ``Network.fit`` for a Network, or a function: 10 and 32 by default.
    time_limit : float, optional
        Number of seconds after which training stops; the result is not reproducible.
    random_state : int, RandomState, Generator or None, default None
        Seed for candidates, order of the rows and validation rows, and for the networks of an estimator that has no
        seed.
    n_threads : int, optional
        Number of threads, which the candidates share. None: that of the estimator.
    verbose : int, default 0
        1: a line is printed whenever candidates are compared.
    callbacks : list of callable, default ()
        Functions of ``results_`` so far, which are called after candidates were dropped. Training ends when one returns
        True; candidates that are left have the status "stopped", and the best one is the result.
    map : callable or Engine, optional
        Function like the builtin ``map`` that calls functions in other processes, such as the `map` of a
        ``ProcessPoolExecutor``, or an engine of :mod:`compiled_nn.distributed`: the candidates are divided over its
        workers, whose tasks use one thread unless `n_threads` is given. The result is the same as without it.

    Returns
    -------
    model : estimator, Network or Ensemble
        Fitted model of the class of `estimator`, with three more attributes. ``best_params_`` (dict) and
        ``best_score_`` (float) are the parameters of the best candidate and its `monitor`. ``results_`` is a dict of
        arrays (n_candidates,), of which ``pandas.DataFrame`` makes a table: "params", "param_<name>", the values of
        `monitor`, with folds also those of each, "split<i>_<monitor>", "rank" (from 1), "best_epoch", "epochs",
        "status" ("completed", "dropped", "diverged", or "stopped" by the time limit or a callback) and "seconds".

    Raises
    ------
    TypeError, ValueError
        If an argument cannot be used, space has an unknown parameter, or a candidate is invalid.
    DivergenceError
        If all candidates diverge; a candidate that diverges has the status "diverged" otherwise.
    TimeoutError
        If `time_limit` passes before a candidate was validated.

    See Also
    --------
    compiled_nn.tuning.SearchCV : The same behind the interface of scikit-learn.
    compiled_nn.tuning.evaluate : Comparison of stated candidates.

    Notes
    -----
    The monitored value of the best candidate is slightly optimistic, as it is the best of many; compare the model with
    others on rows that the search has not used. The same seed gives the same result on every machine, with any number
    of threads, unless `time_limit` is given. Without halving, a candidate has the same bits in a search without others
    and with the same seed. Tabular estimators are ensembles, so that each candidate is trained in a pass without the
    others; its value is the mean over its members, and `refit` and the validation rows are parameters of the estimator.

    References
    ----------
    .. [1] K. Jamieson, A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization",
       AISTATS, 2016.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> space = {"learning_rate_init": cnn.tuning.Real(1e-4, 1e-1, log=True), "hidden_layer_sizes": [16, 32, 64]}
    >>> model = cnn.MLPClassifier(standardize=True, max_iter=8)
    >>> best = cnn.search(model, data.X_train, data.y_train, space=space, n_candidates=8, random_state=0)
    >>> best.best_params_
    {'hidden_layer_sizes': 64, 'learning_rate_init': 0.027321603619774218}
    >>> round(best.score(data.X_test, data.y_test), 2)
    0.96
    """
    options = make_options(
        X,
        y,
        sample_weight=sample_weight,
        validation=validation,
        validation_fraction=validation_fraction,
        n_folds=n_folds,
        validation_groups=validation_groups,
        validation_data=validation_data,
        monitor=monitor,
        halving=halving,
        time_limit=time_limit,
        random_state=random_state,
        n_threads=n_threads,
        verbose=verbose,
        callbacks=callbacks,
        map=map,
    )
    subject = subject_of(estimator, _given(epochs=epochs, batch_size=batch_size))
    check_names(subject, spaces.check_space(space))
    _check_kept(subject, options, n_kept, combine, refit)
    found = spaces.candidates(space, n_candidates, options.seed)
    try:
        entries = run(subject, found, options)
        compared = [outcomes.outcome(entry, options.monitor) for entry in entries]
        best = outcomes.best_of(compared, options.monitor)
        if n_kept > 1:
            model = ensemble_of(entries, entries[best], options, n_kept, combine, refit)
        else:
            model = _model(subject, entries[best], options, refit)
    finally:
        options.close()
    results = outcomes.table(compared, options.monitor)
    vars(model).update(
        results_=results,
        best_params_=dict(compared[best].params),
        best_score_=results[options.monitor][best].item(),
    )
    return model


def _check_kept(subject: Subject, options: Options, n_kept: Any, combine: Any, refit: Any) -> None:
    """Raise TypeError or ValueError for parameters of the result that cannot be used, or have no effect."""
    checks.integer("search", "n_kept", n_kept, minimum=1)
    checks.choice("search", "combine", combine, COMBINATIONS)
    checks.flag("search", "refit", refit)
    if n_kept == 1 and combine != "mean":
        raise ValueError(f"combine={combine!r} has no effect with n_kept=1; leave it out.")
    if n_kept == 1 and not refit and options.n_folds > 1:
        raise ValueError(
            "refit=False with folds would keep the network of one fold only. Leave refit out, or pass n_kept > 1 for an"
            " ensemble of the networks of all folds."
        )
    if isinstance(subject, TabularSubject) and n_kept > 1:
        raise ValueError(
            f"n_kept={n_kept} is not supported for {subject.owner}, which is an ensemble itself."
        )


def evaluate(estimator: Any, X: Any, y: Any, candidates: Sequence[Params], **options: Any) -> Results:
    """Train candidates that are chosen elsewhere together, and return their results; no model is kept.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor, Network, or callable
        Model whose parameters are compared, as for :func:`compiled_nn.search`; it is not changed.
    X, y : array-like
        Rows and targets, as for the fit of the estimator.
    candidates : sequence of dict
        Parameters of each candidate.
    **options
        Options of :func:`compiled_nn.search` except `space`, `n_candidates`, `refit`, `n_kept` and `combine`. `halving`
        is None by default.

    Returns
    -------
    dict of ndarray
        As ``results_`` of a search, in the order of the candidates.

    See Also
    --------
    compiled_nn.search : Search for the best candidate.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> model = cnn.MLPClassifier(standardize=True, max_iter=2, random_state=0)
    >>> candidates = [{"learning_rate_init": 1e-4}, {"learning_rate_init": 1e-2}]
    >>> results = cnn.tuning.evaluate(model, data.X_train, data.y_train, candidates, random_state=0)
    >>> results["val_loss"].round(1).tolist(), results["rank"].tolist()
    ([2.6, 0.2], [2, 1])
    """
    compared, monitor = outcomes_of(estimator, X, y, candidates, **options)
    return outcomes.table(compared, monitor)


def outcomes_of(
    estimator: Any,
    X: Any,
    y: Any,
    candidates: Sequence[Params],
    *,
    epochs: int | None = None,
    batch_size: BatchSize | None = None,
    halving: Sequence[float] | Literal["auto"] | None = None,
    **options: Any,
) -> tuple[list[Outcome], Monitored]:
    """Return the outcomes of candidates, and the monitored column; the parameters are those of :func:`evaluate`."""
    known = list(signature(make_options).parameters)[2:]
    for name in options:
        if name not in known:
            hint = did_you_mean(name, known, "search")
            raise TypeError(f"evaluate() got an unexpected keyword argument {name!r}.{hint}")
    given = make_options(X, y, halving=halving, **options)
    subject = subject_of(estimator, _given(epochs=epochs, batch_size=batch_size))
    if not candidates or not all(isinstance(each, Mapping) for each in candidates):
        raise TypeError(
            "The 'candidates' parameter of evaluate must be a list of at least 1 dict of parameters. Got"
            f" {short(candidates)} instead."
        )
    for params in candidates:
        check_names(subject, params)
    found = [dict(params) for params in candidates]
    try:
        entries = run(subject, found, given)
    finally:
        given.close()
    return [outcomes.outcome(entry, given.monitor) for entry in entries], given.monitor


def _given(**fit: Any) -> dict[str, Any]:
    return {name: value for name, value in fit.items() if value is not None}


def check_names(subject: Subject, names: Any) -> None:
    """Raise ValueError for names that are not those of parameters, or have no effect."""
    for name, reason in subject.without_effect.items():
        if name in names:
            raise ValueError(f"space has {name!r}, which has no effect in a search: {reason}.")
    if subject.names is not None and isinstance(names, Mapping):
        spaces.check_names(names, subject.names, subject.owner)


def run(subject: Subject, params: Sequence[Params], options: Options) -> list[Entry]:
    """Train candidates together, and return them in their order."""
    if isinstance(subject, TabularSubject):
        entries = tabular_entries(subject, params, options)
        compare(entries, options, lambda: _ends(entries, options))
        return entries
    options.X, options.y = subject.read(options.X, options.y)
    candidates = [subject.candidate(i, each, options.seed) for i, each in enumerate(params)]
    _check_comparable(candidates, options.monitor)
    entries = packed(candidates, options)
    compare(entries, options, lambda: _ends(entries, options))
    return entries


def _ends(entries: Sequence[Entry], options: Options) -> bool:
    """Call the callbacks with the results so far, and return whether one of them ends the search."""
    if not options.callbacks:
        return False
    results = outcomes.table([outcomes.outcome(entry, options.monitor) for entry in entries], options.monitor)
    answers = [callback(results) for callback in options.callbacks]
    return any(isinstance(answer, (bool, np.bool_)) and bool(answer) for answer in answers)


def _check_comparable(candidates: Sequence[Any], monitor: Monitored) -> None:
    """Raise ValueError for candidates whose losses cannot be compared."""
    if monitor != "val_loss":
        return
    first = candidates[0]
    for each in candidates:
        for what, value, other in (
            ("loss", *(c.network._configuration.loss.unsmoothed for c in (each, first))),
            ("scale_targets", *(c.network._configuration.scale_targets for c in (each, first))),
            ("class_weight", *(c.fit["class_weight"] for c in (each, first))),
        ):
            if value != other:
                raise ValueError(
                    f"{described(each.index, each.params)} has {what}={value!r}, candidate {first.index} has {other!r},"
                    " so that their values of val_loss cannot be compared. Pass monitor='val_score'."
                )


def _model(subject: Subject, entry: Entry, options: Options, refit: bool) -> Any:
    """Return the fitted model of the best candidate."""
    pack, net = entry.pack, None
    if isinstance(pack, TabularPack):
        return pack.fitted()
    assert isinstance(pack, Pack)
    if refit and options.validation_data is None:
        net = trained_on_all(entry, options)
        if net is None:
            warn(
                "time_limit has passed, or training has diverged, while the best candidate was trained again on all"
                " rows (refit=True). The result is its network as it was compared.",
                CompiledNNWarning,
            )
    if net is None:
        net = pack.network(entry.members[0])
    return subject.model(entry.candidate.params, net)
