"""The class Ensemble: several networks that are trained together, and whose predictions are averaged."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..artefact.kept_member import KeptMember, mean_predictor
from ..artefact.outputs import Outputs
from ..common import checks
from ..common.errors import NotFittedError, suggest_keywords
from ..common.exclusive import check_change, check_not_quantized, is_elsewhere, switching, training_of
from ..data.arrays import Array
from ..spec.configuration import PARAMETERS
from ..spec.members import check_equal
from ..spec.sharing import check_sharing
from ..training.ensemble_plan import COMBINATIONS
from ..training.stacks import copy_of
from ..training.trainer import Trainer
from ..uncertainty.calibration import Calibration
from . import observing
from .describing import Describing
from .ensemble_inspection import EnsembleInspection
from .narrowing import Narrowing
from .network import Network
from .prediction import Prediction
from .uncertainty import Uncertainty

if TYPE_CHECKING:
    from typing import Self

    from cnn_core.stack import Stack

    from ..artefact.ensemble_parts import EnsembleParts
    from ..artefact.narrowing import PredictionPrecision
    from ..artefact.predictor import Predictor
    from ..data.samples import Samples
    from ..optimizers.base import Optimizer
    from ..training.ensemble_plan import Combination

_DEFAULT_MEMBERS = 8
_SHARING_MEMBERS = 32


class Ensemble(EnsembleInspection, Prediction, Uncertainty, Describing, Narrowing):
    """Several networks that are trained together on the same rows, and whose predictions are averaged.

    X is read and encoded once, and all members are trained on the same batches in one call of the core per epoch. The
    result of each member has the same bits as if it were trained alone in this way. Each member keeps the weights of
    its best epoch on its own validation rows. Probabilities, calibrated by a temperature for each member, or values are
    averaged. The mean is at least as good as one network, usually better, and differences between members show how
    certain it is.

    Parameters
    ----------
    members : Network or sequence of Network
        Networks as they are before fit; only their parameters, and weights set by ``set_weights``, are used. One
        network stands for `n_members` copies with the seeds seed, seed + 1, ... Several networks may have different
        layers, activations, dropout, optimizers, penalties and seeds. Everything that describes the inputs and the
        outputs must be equal: dtype, loss (except for label smoothing), scaling and encoding of X, scaling of y.
    n_members : int, optional
        Number of members: by default 8 for one network (32 with `shared_weights`), and the number of networks for
        several. With a larger number, the networks are used in turn, and in each further round their seeds are
        increased by 1.
    combine : {"mean", "greedy"}, default "mean"
        How predictions are combined. "mean": all members have the same weight. "greedy": greedy selection with
        replacement on validation rows [1]_; a member that is chosen several times has a larger weight, and one that is
        not chosen has the weight 0.
    shared_weights : bool, default False
        Whether all layers but the last share their weights in training, as in TabM [2]_: member k has the weights
        ``diag(r) W diag(s)``, where W is shared, and r and s, biases, gains and the last layer are the member's own.
        The mean loss of the members is minimised; the factors r of the inputs start as random signs, others as 1.
        Members must be equal except for their seeds, validate the same rows, and all keep the weights of the epoch in
        which the mean of their validation values is best. After training they are networks like any other; files and
        pickles have no shared weights, so that training continues in memory only. No l1 or l2 applies to the factors.
    calibrated : bool, default True
        Whether the logits of each member are divided by the temperature that minimises the log loss of its validation
        rows, before probabilities are averaged.
    seed : int, Generator or RandomState, optional
        Seed for the order of the rows, for folds, and for validation rows that are common to all members. Default: that
        of the first member.
    n_threads : int, optional
        Number of threads of the ensemble, which the members share; None follows :func:`set_num_threads`.

    Attributes
    ----------
    members_ : list of Network
        Copies of the fitted members that were not dropped, which predict alone, with their temperatures, ``history``
        and ``best_epoch_``.
    indices_ : ndarray of int (n,)
        Index of each of `members_` among the networks from which the ensemble was created.
    weights_ : ndarray of float64 (n,)
        Weight of each of `members_` in the mean; their sum is 1.
    temperatures_ : ndarray of float64 (n,)
        Temperature of each of `members_`.
    best_epochs_ : ndarray of int (n,)
        Epoch whose weights each of `members_` has.
    oof_ : ndarray (m, n_classes) or (m,), or (m, n) for several values
        Out-of-fold predictions: for each row of X the mean over the members that validated it, as probabilities or
        values, and NaN for a row that no member validated. They are slightly optimistic, because the same rows have
        determined best epochs, temperatures and weights.
    validation_masks_ : ndarray of bool (n_networks, m), or None
        Validation rows of each member of the constructor; None if they are not rows of X.
    history : dict of lists
        Training history with one entry per epoch: means over the members in training of "loss", "penalty",
        "learning_rate" and "val_loss" (and "val_score", if it is monitored), "epoch", "seconds" and "n_members".
    stop_reason_ : str or None
        Reason why fit ended, as for :class:`Network`.
    precision_report_ : PrecisionReport
        Comparison with float32 by the last fit, on all rows that a member validates, for the precision "bfloat16"; or
        by :meth:`quantize`.
    classes_, n_features_, feature_names_in_, encoder_, mean_, scale_, target_mean_, target_scale_
        As for :class:`Network`; all members share them.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or value, or the members do not match one another.

    References
    ----------
    .. [1] R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, "Ensemble selection from libraries of models", ICML,
       2004.
    .. [2] Y. Gorishniy, A. Kotelnikov, A. Babenko, "TabM: Advancing tabular deep learning with parameter-efficient
       ensembling", ICLR, 2025.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(16, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
    >>> model = cnn.Ensemble(net, n_members=8).fit(data.X_train, data.y_train, epochs=10)
    >>> [round(member.score(data.X_test, data.y_test), 2) for member in model.members_[:3]]
    [0.89, 0.92, 0.91]
    >>> round(model.score(data.X_test, data.y_test), 2)
    0.93
    """

    _owner = "Ensemble"
    _noun = "ensemble"

    @suggest_keywords("Ensemble")
    def __init__(
        self,
        members: Network | Sequence[Network],
        *,
        n_members: int | None = None,
        combine: Combination = "mean",
        shared_weights: bool = False,
        calibrated: bool = True,
        seed: Any = None,
        n_threads: int | None = None,
    ) -> None:
        shared = checks.flag("Ensemble", "shared_weights", shared_weights)
        networks = _networks_of(members, n_members, _SHARING_MEMBERS if shared else _DEFAULT_MEMBERS)
        check_equal([network._configuration for network in networks])
        if shared:
            check_sharing([network._configuration for network in networks])
        super().__init__(networks[0]._configuration, n_threads)
        self._networks = networks
        self._combine = checks.choice("Ensemble", "combine", combine, COMBINATIONS)
        self._shared = shared
        self._calibrated = checks.flag("Ensemble", "calibrated", calibrated)
        self._seed = networks[0]._configuration.seed if seed is None else _seed(seed)
        self._kept: tuple[KeptMember, ...] = ()
        self._weights: Array = np.empty(0)
        self._masks: Array | None = None
        self._oof: Array | None = None
        self._marks: tuple[int, ...] = ()
        self._together = None

    def __repr__(self) -> str:
        more = len(self._networks) - 1
        networks = f"[{self._networks[0]!r}{f', and {more} more' if more else ''}]"
        changed = [f", {name}={value!r}" for name, (value, differs) in self._options().items() if differs]
        return f"Ensemble({networks}{''.join(changed)}){'.quantize(...)' if self._is_quantized else ''}"

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook displays: parameters, networks and loss curve."""
        from ..display import notebook  # imported here to keep `import compiled_nn` fast

        return notebook.ensemble_page(self, self._options(), self.summary().rows(), fitted=bool(self._kept))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _options(self) -> dict[str, tuple[Any, bool]]:
        """Return the value of each parameter, and whether it differs from the default, by name."""
        own = self._seed != self._networks[0]._configuration.seed
        return {
            "combine": (self._combine, self._combine != "mean"),
            "shared_weights": (self._shared, self._shared),
            "calibrated": (self._calibrated, not self._calibrated),
            "seed": (self._seed, own),
            "n_threads": (self.n_threads, self.n_threads is not None),
        }

    # ---- parameters and fitted attributes

    @property
    def optimizer(self) -> Optimizer:
        """Optimizer of the first member; each member has its own."""
        return self._configuration.optimizer

    @property
    def learning_rate_scale(self) -> float:
        """Factor of the learning rates of all members: 1.0 when training starts; callbacks can change it."""
        self._fitted()
        return 1.0 if self._together is None else self._together.members[0].trainer.rate_scale

    @learning_rate_scale.setter
    def learning_rate_scale(self, scale: float) -> None:
        checked = checks.real("Ensemble", "learning_rate_scale", scale, minimum=0)
        check_not_quantized(self, "the assignment of learning_rate_scale", "Ensemble")
        if is_elsewhere(self):
            check_change(self, "the assignment of learning_rate_scale", "Ensemble")
        self._fitted()
        if self._together is None:
            raise ValueError(
                "The ensemble has no state of training, whose learning rates are scaled: it was read from a file, or"
                " refitted."
            )
        for member in self._together.members:
            member.trainer.rate_scale = checked

    @property
    def n_parameters(self) -> int:
        """Number of weights, biases and gains of all members together."""
        self._fitted()
        return sum(self._network(member).n_parameters for member in self._kept)

    @property
    def members_(self) -> list[Network]:
        """Copies of the fitted members, which predict alone.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0)
        >>> model = cnn.Ensemble(net, n_members=3).fit([[0.0], [1.0]], [0.0, 1.0], validation=None)
        >>> predictions = [float(member.predict([[1.0]])[0]) for member in model.members_]
        >>> bool(abs(sum(predictions) / 3 - model.predict([[1.0]])[0]) < 1e-6)
        True
        """
        self._fitted()
        return [self._network(member) for member in self._kept]

    @property
    def indices_(self) -> Array:
        """Index of each of `members_` among the networks from which the ensemble was created."""
        self._fitted()
        return np.array([member.place for member in self._kept])

    @property
    def weights_(self) -> Array:
        """Weight of each of `members_` in the mean."""
        self._fitted()
        return self._weights.copy()

    @property
    def temperatures_(self) -> Array:
        """Temperature of each of `members_`; 1.0 for values."""
        self._fitted()
        return np.array([member.temperature for member in self._kept])

    @property
    def best_epochs_(self) -> Array:
        """Epoch whose weights each of `members_` has."""
        self._fitted()
        return np.array([member.best_epoch for member in self._kept])

    @property
    def validation_masks_(self) -> Array | None:
        """Validation rows of each member (n_networks, m); None if they are not rows of X."""
        self._fitted()
        return None if self._masks is None else self._masks.copy()

    @property
    def oof_(self) -> Array:
        """Out-of-fold predictions: means over the members that validated a row.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> net = cnn.Network([cnn.Dense(16, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
        >>> model = cnn.Ensemble(net, n_members=4).fit(data.X_train, data.y_train, epochs=5)
        >>> model.oof_.shape
        (1438, 10)
        >>> round(cnn.metrics.accuracy(data.y_train, model.oof_.argmax(axis=1)), 1)
        0.5
        """
        self._fitted()
        if self._oof is None:
            raise AttributeError(
                "The ensemble has no oof_. It exists after fit on arrays with validation='random', 'folds' or an array;"
                " sharded rows, which are not in this process, have no such predictions, and files do not contain them."
            )
        return self._oof.copy()

    def calibrate_intervals(self, X: Any, y: Any) -> Self:
        """Compute conformal scores for :meth:`predict_interval` or :meth:`predict_set`.

        With X=None the scores are those of the out-of-fold predictions, so that no further rows have to be held out:
        each row is scored by the members that were not trained on it, as for CV+ [1]_. Intervals are around the mean of
        all members, whose errors are usually smaller than those of the members that score a row, so that they contain
        the true value with at least the given probability on most data, although this is not guaranteed for all.

        Parameters
        ----------
        X : array-like (m, k) or None
            Rows on which the ensemble was not trained, as for :meth:`Network.calibrate_intervals`. None: the rows of
            the last fit that a member validated.
        y : array-like
            True labels or values of these rows, or of all rows of the last fit.

        Returns
        -------
        self : Ensemble

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted yet.
        AttributeError
            If X is None and there are no out-of-fold predictions.
        TypeError, ValueError
            If X or y cannot be used; or X is None, and the loss is "gaussian_nll", whose intervals need standard
            deviations, or y is not that of the last fit.

        References
        ----------
        .. [1] R. F. Barber, E. J. Candès, A. Ramdas, R. J. Tibshirani, "Predictive inference with the jackknife+",
           Annals of Statistics, 2021.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> import numpy as np
        >>> X = np.linspace(-1, 1, 60).reshape(-1, 1)
        >>> net = cnn.Network([cnn.Dense(8, "tanh"), cnn.Dense(1)], loss="mse", seed=0)
        >>> model = cnn.Ensemble(net, n_members=3).fit(X, X[:, 0] ** 2, epochs=30, validation="folds")
        >>> lower, upper = model.calibrate_intervals(None, X[:, 0] ** 2).predict_interval(X, 0.9)
        >>> bool((lower < upper).all())
        True
        """
        if X is not None:
            return super().calibrate_intervals(X, y)
        from .ensemble_results import out_of_fold_scores  # imported here to keep `import compiled_nn` fast

        self._fitted()
        self._check_calibration()
        scores = out_of_fold_scores(
            self.oof_, y, self._marks, self._known_targets(), self._configuration.dtype
        )
        self._set_calibration(self._outputs.calibration._replace(scores=scores))
        return self

    # ---- members

    @classmethod
    def _of_parts(cls, parts: EnsembleParts) -> Self:
        """Return an ensemble made from the parts read from a file."""
        networks = [Network._of_configuration(c) for c in parts.networks]
        ensemble = cls(networks, combine=parts.combine, calibrated=parts.calibrated)
        ensemble._seed = parts.seed
        ensemble._set_parts(parts)
        return ensemble

    def _network(self, member: KeptMember) -> Network:
        """Return a network with a copy of the weights of a member."""
        c = member.configuration
        net = Network._of_configuration(c, self._n_threads)
        learned = self._outputs.learned
        learned = None if learned is None else learned.replace(loss=c.loss)
        net._inputs = observing.copied(self._inputs)
        net._outputs = Outputs.of(c, learned).replace(calibration=Calibration(member.temperature))
        net._trainer = Trainer(copy_of(member.stack.present(averaged=True), c), c.seed)
        net._ranges = () if member.ranges is None else (member.ranges,)
        net.history = {name: list(column) for name, column in member.history.items()}
        net.best_epoch_, net.stop_reason_ = member.best_epoch, getattr(self, "stop_reason_", None)
        net.epochs_planned_ = getattr(self, "epochs_planned_", 0)
        return net

    def _fitted(self) -> Stack:
        if not self._kept:
            raise NotFittedError(
                "This Ensemble instance is not fitted yet. Call 'fit' with appropriate arguments before using this"
                " ensemble."
            )
        return self._kept[0].stack

    def _predicting(self, arenas: Sequence[Array | None] | None = None) -> Predictor:
        with switching:
            predictor, changes = self._predictor, self._changes
            if predictor is not None:
                return predictor
            self._fitted()
            kept, weights = self._kept, self._weights
            inputs, outputs, n_threads = self._known_inputs(), self._outputs, self._n_threads
        predictor = mean_predictor(
            kept, weights, inputs, outputs, n_threads, arenas, precision=self.precision_
        )
        with switching:
            if changes == self._changes and training_of(self) is None:
                self._predictor = predictor
        return predictor

    @property
    def _is_quantized(self) -> bool:  # type: ignore[override]
        return any(member.ranges is not None for member in self._kept)

    def _predicting_in(self, precision: PredictionPrecision) -> Predictor:
        return self._predictor_of(self._outputs, precision)

    def _predictor_of(self, outputs: Outputs, precision: PredictionPrecision) -> Predictor:
        self._fitted()
        inputs, n_threads = self._known_inputs(), self._n_threads
        return mean_predictor(self._kept, self._weights, inputs, outputs, n_threads, precision=precision)

    def _measure_ranges(self, rows: Samples) -> None:
        from ..artefact.kept_member import with_ranges  # imported here to keep `import compiled_nn` fast

        inputs = self._known_inputs()
        self._begin_with(
            _kept=tuple(with_ranges(member, rows, inputs, self._n_threads) for member in self._kept),
            _together=None,
        )

    def _uncalibrated(self, X: Samples) -> Array:
        plain = self._outputs.replace(calibration=Calibration())
        predictor = self._predictor_of(plain, self.precision_)
        c = self._configuration
        return predictor.layers.forward(X, link=False, scale=c.scale, n_threads=self._n_threads)


def _seed(seed: Any) -> int | None:
    """Return a seed as an int; a generator draws one."""
    if isinstance(seed, numbers.Integral):
        return checks.integer("Ensemble", "seed", seed, minimum=0)
    drawn: int | None = PARAMETERS["seed"][1]("seed", seed)
    return drawn


def _networks_of(members: Any, n_members: Any, of_one: int) -> tuple[Network, ...]:
    """Return the members as networks that are not fitted; `of_one`: number of members that stand for one network.

    Raises
    ------
    TypeError, ValueError
        If they are not networks, or `n_members` is not valid for them.
    """
    given = [members] if isinstance(members, Network) else members
    if (
        isinstance(given, str)
        or not isinstance(given, Sequence)
        or not all(isinstance(net, Network) for net in given)
    ):
        raise TypeError(
            f"The 'members' parameter of Ensemble must be a Network, or a list of them. Got {members!r} instead."
        )
    if not given:
        raise ValueError("The 'members' parameter of Ensemble is empty; expected at least 1 network.")
    default = of_one if isinstance(members, Network) else len(given)
    n = default if n_members is None else checks.integer("Ensemble", "n_members", n_members, minimum=1)
    if n < len(given):
        raise ValueError(
            f"n_members is {n}, but members has {len(given)} networks; expected at least as many."
        )
    return tuple(_unfitted(given[i % len(given)], i // len(given)) for i in range(n))


def _unfitted(net: Network, added: int) -> Network:
    """Return a network with the parameters and initial weights of another one, and its seed increased."""
    c = net._configuration
    other = Network._of_configuration(c.replace(seed=c.seed if c.seed is None else c.seed + added))
    other._initial = net._initial
    return other
