"""Training of both estimators: from parameters to a network, its epochs, and the fitted attributes."""

from __future__ import annotations

import math
import numbers
from time import perf_counter
from typing import TYPE_CHECKING, Any

from numpy.random import RandomState

from ..common import clock
from ..common.errors import CompiledNNWarning, located, suggest_keywords, warn
from ..common.exclusive import exclusive
from ..data import column_names, dataframes, images, samples
from ..data.arrays import Array
from ..training import levels, validation
from ..training.history import keep_last
from ..training.sharded import Sharded
from . import inputs, seeds, sharded
from .creation import Creation
from .parameters import STOCHASTIC
from .presets import Presets
from .progress import EPOCHS_KEPT, ConvergenceCheck
from .random_draws import random_state, split_validation_rows

if TYPE_CHECKING:
    from typing import Self


class Perceptron(Presets, Creation):
    """A multilayer perceptron behind the interface of scikit-learn's estimators."""

    # ---- overridden by classifier and regressor

    def _stratification_labels(self, y: Array) -> Array | None:
        """Return the labels (m,) that stratify a validation split; None for no stratification."""
        return None

    def to_sklearn(self) -> Any:
        """Return the model as a fitted estimator of scikit-learn.

        Returns
        -------
        MLPClassifier, MLPRegressor or Pipeline of scikit-learn
            Fitted estimator with the same predictions up to rounding; with `standardize` a pipeline of a scaler and the
            estimator.

        Raises
        ------
        ValueError
            If scikit-learn cannot express the model, for example an activation that it does not have.
        ImportError
            If scikit-learn is not installed.
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPClassifier(hidden_layer_sizes=(), solver="lbfgs", random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"])
        MLPClassifier(hidden_layer_sizes=(), random_state=0, solver='lbfgs')
        >>> theirs = model.to_sklearn()
        >>> theirs, theirs.predict([[-1.0], [4.0]]).tolist()
        (MLPClassifier(activation='identity', hidden_layer_sizes=(), random_state=0,
                      solver='lbfgs'), ['low', 'high'])
        """
        from ..exchange.sklearn_writer import to_sklearn  # imported here to keep `import compiled_nn` fast
        from .sklearn_training import training_of

        net = self._network()
        self._check_float("to_sklearn")
        return to_sklearn(net._parts(), net._described_predictor()[1], lambda: training_of(self))

    # ---- training

    @suggest_keywords("estimator fit")
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        validation_data: Any = None,
        validation_groups: Any = None,
    ) -> Self:
        """Train from new initial weights, or with ``warm_start=True`` from the present weights.

        Parameters
        ----------
        X : array-like, data frame, list of dicts or sparse matrix (m, k)
            Samples: finite real numbers of any dtype. With `categorical_features` numbers and categories, where
            values may be missing. X is not changed, and a sparse matrix is not converted to a dense one. Or a
            :class:`compiled_nn.distributed.ShardedRows`, whose parts have y and the weights: y is then left out.
        y : array-like (m,) or (m, n_outputs)
            Targets. For the classifier labels, or one 0/1 column per label; for the regressor numbers.
        sample_weight : array-like (m,), optional
            Weight of each row, at least 0. None: all rows have weight 1.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Data for early stopping, in place of a part of the training rows. Without early stopping its loss and
            score are only recorded in ``history_``.
        validation_groups : array-like (m,), optional
            Group of each row: whole groups are held out for validation until they have `validation_fraction` of the
            rows.

        Returns
        -------
        self : estimator
            Fitted estimator.

        Raises
        ------
        TypeError, ValueError
            If a parameter, X, y or a weight has an invalid type, shape or value.
        TimeoutError
            If `time_limit` passes while the data are read and checked.
        DivergenceError
            If the loss or a weight is not finite at the end of an epoch.

        Notes
        -----
        After an exception before the first step, the estimator is as it was before. After one during training, such as
        a DivergenceError or an exception of a callback, it has the last finite weights and can predict;
        `stop_reason_` is None.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> model = cnn.MLPClassifier(input_scale=1 / 16, early_stopping=True, learning_rate_init=0.01, random_state=0)
        >>> model.fit(data.X_train, data.y_train).stop_reason_
        'early_stopping'
        >>> model.n_iter_ < model.max_iter, round(model.score(data.X_test, data.y_test), 2)
        (True, 0.97)
        """
        return self._train(X, y, sample_weight, validation_data, validation_groups)

    @exclusive("")
    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any = None,
        groups: Any = None,
        *,
        partial: bool = False,
        classes: Array | None = None,
    ) -> Self:
        """Train for all epochs, or for one with `partial`; `classes` (n,) replace y as the source of classes.

        If an exception is raised before training begins, the estimator is as it was before.
        """
        before, start = dict(vars(self)), perf_counter()
        if "_progress" in before:
            self._progress.has_begun = False
        try:
            self._check_changes()
            deadline = math.inf if self.time_limit is None else start + self.time_limit
            if isinstance(X, Sharded):
                sharded.check(self, X, y, sample_weight, groups, partial=partial)
                return self._fit_shards(X, validation_data, deadline)
            inputs.check_lengths(X, y, sample_weight, groups)
            data = clock.run_until(deadline, self._read, X, y, sample_weight, partial, classes)
            return self._fit_network(*data, validation_data, groups, partial, deadline)
        except BaseException:
            progress = vars(self).get("_progress")
            if progress is None or not progress.has_begun:
                for name in vars(self).keys() - before.keys():
                    delattr(self, name)
                vars(self).update(before)
            raise

    def _read(
        self, X: Any, y: Any, sample_weight: Any, partial: bool, classes: Array | None
    ) -> tuple[Any, Array, Array | None, RandomState]:
        """Return checked X, y and weights, and the generator of the fit; create or change the network."""
        for name in ("early_stopping", "averaging", "metrics"):
            if partial and getattr(self, name):
                raise ValueError(f"partial_fit does not support {name}={getattr(self, name)!r}")
        owner = type(self).__name__
        resume = hasattr(self, "network_") and (partial or bool(self.warm_start))
        known = self.network_.inputs if resume else None
        encodes_table = self.categorical_features is not None if known is None else known.encoder is not None
        X = inputs.opened(owner, X, encodes_table, known)
        names, shape = dataframes.feature_names(X), images.shape_of(X)
        if known is None:
            column_names.check_distinct(names or ())
        else:
            inputs.check_names(owner, known, names)
        X = inputs.read(owner, X, self.dtype, known, encodes_table)
        y = inputs.read_targets(owner, y, len(X) if hasattr(X, "__len__") else None)
        weight = inputs.read_weights(sample_weight, len(y))
        random = random_state(seeds.for_fit(self, continues=resume, partial=partial))
        if resume:
            self._check_new_targets(y, partial)
            self._apply_parameters(random)
        else:
            for name in ("standardize", "scale_targets", "numeric_embeddings"):
                if partial and len(y) == 1 and getattr(self, name, False):
                    levels.refuse_first_row(name)
            targets = self._make_targets(y if classes is None else classes)
            self._create_network(X, targets, random, names, shape)
        return X, y, weight, random

    def _fit_network(
        self,
        X: Any,
        y: Array,
        weight: Array | None,
        random: RandomState,
        validation_data: Any,
        groups: Any,
        partial: bool,
        deadline: float,
    ) -> Self:
        net = self.network_
        options: dict[str, Any]
        if self.solver not in STOCHASTIC:
            if groups is not None:
                raise ValueError(
                    "validation_groups is not supported by solver='lbfgs'; use solver='adam' or 'sgd'."
                )
            if validation_data is not None and self.early_stopping:
                raise ValueError(
                    "early_stopping=True with validation_data is not supported by solver='lbfgs', which does not stop"
                    " early; use solver='adam' or 'sgd', or leave early_stopping out to only record val_loss."
                )
            net.prepare_fit(random, self.l1, self.alpha)
            options = {"validation_data": self._read_validation_data(validation_data)}
            self._run_lbfgs(X, y, weight, options, deadline)
            return self
        self._set_optimizer(keep=partial)
        if partial:
            net.prepare_fit(random, self.l1, self.alpha)
            self._run_stochastic(X, y, weight, len(y), 1, {}, deadline)
            self._progress.keep_last(EPOCHS_KEPT)
            keep_last(net.history, EPOCHS_KEPT)
            return self
        options = {"validation_data": self._read_validation_data(validation_data)}
        split = self._split_for_validation(random, y, groups, validation_data)
        if split is not None:
            options = {"validation_fraction": self.validation_fraction}
        n_rows = len(y) if split is None else len(split[0])
        self._run_epochs(X, y, weight, random, n_rows, options, deadline, split)
        return self

    def _fit_shards(self, rows: Sharded, validation_data: Any, deadline: float) -> Self:
        """Train on sharded rows, from which names, classes, categories and statistics are learned first."""
        fraction = self.validation_fraction if self.early_stopping and validation_data is None else None
        self._check_validation(None, validation_data)
        resume = hasattr(self, "network_") and bool(self.warm_start)
        random = random_state(seeds.for_fit(self, continues=resume))
        learned = sharded.learn(self, rows, random, fraction, deadline)
        self._set_optimizer(keep=False)
        options: dict[str, Any] = {"validation_data": self._read_validation_data(validation_data)}
        if fraction is not None:
            options = {"validation_fraction": fraction}
        self._run_epochs(learned, None, None, random, len(learned), options, deadline)
        return self

    def _run_epochs(
        self,
        X: Any,
        y: Array | None,
        weight: Array | None,
        random: RandomState,
        n_rows: int,
        options: dict[str, Any],
        deadline: float,
        split: tuple[Array, Array] | None = None,
    ) -> None:
        """Train for at most `max_iter` epochs; `split` has the training and validation row numbers in X."""
        self.network_.prepare_fit(random, self.l1, self.alpha, split)
        options |= {"metrics": self.metrics, "target": self.target, "averaging": self.averaging}
        self._run_stochastic(X, y, weight, n_rows, self.max_iter, options, deadline)
        self._warn_not_converged(f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached")

    def _split_for_validation(
        self, random: RandomState, y: Array, groups: Any, validation_data: Any
    ) -> tuple[Array, Array] | None:
        """Return the training and validation row numbers; None without a validation split."""
        self._check_validation(groups, validation_data)
        if validation_data is not None or (groups is None and not self.early_stopping):
            return None
        if groups is None:
            return split_validation_rows(
                random, len(y), self.validation_fraction, self._stratification_labels(y)
            )
        seed = int(random.randint(1 << 31))
        validation_rows, rows = validation.by_groups(len(y), groups, self.validation_fraction, seed)
        return rows, validation_rows

    def _check_validation(self, groups: Any, validation_data: Any) -> None:
        """Raise ValueError for parameters of validation that contradict one another, or have no effect."""
        if validation_data is not None:
            if groups is not None:
                raise ValueError("validation_groups must be None when validation_data is given.")
            if "validation_fraction" in self.changed():
                raise ValueError(
                    f"validation_fraction={self.validation_fraction!r} has no effect with validation_data; leave one of"
                    " them out."
                )
        elif groups is None and not self.early_stopping and self.metrics:
            raise ValueError(
                "metrics are computed on validation rows: set early_stopping=True, or pass validation_data or"
                " validation_groups to fit."
            )

    def _read_validation_data(self, validation_data: Any) -> Any:
        """Return `validation_data` with an X that is checked as that of predict; other objects unchanged."""
        if not isinstance(validation_data, (list, tuple)) or len(validation_data) not in (2, 3):
            return validation_data
        weights = validation_data[2] if len(validation_data) == 3 else None
        with located("validation_data"):
            samples.check_lengths(validation_data[0], y=validation_data[1], sample_weight=weights)
            return (self._read_rows(validation_data[0]), *validation_data[1:])

    def _run_stochastic(
        self,
        X: Any,
        y: Array | None,
        weight: Array | None,
        n_rows: int,
        epochs: int,
        options: dict[str, Any],
        deadline: float,
    ) -> None:
        """Train by "sgd" or "adam" on `n_rows` of the rows; `options` are further arguments of ``Network.fit``."""
        net, progress, batches = self.network_, self._progress, self._batches(n_rows)
        if isinstance(self.batch_size, numbers.Integral) and self.batch_size > n_rows:
            warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
                CompiledNNWarning,
            )
        check = ConvergenceCheck(
            progress,
            n_rows=min(n_rows, batches.steps * batches.size),
            loss_factor=self._loss_factor(),
            penalty_factor=batches.steps,
            monitor=self._make_monitor() if self.early_stopping else None,
            min_delta=self.tol if self.min_delta is None else self.min_delta,
            patience=self.n_iter_no_change,
            rate_rule=self._rate_rule(),
            initial_rate=self.learning_rate_init,
            power=self.power_t,
        )
        options |= {"batch_size": batches.size, "drop_last": batches.drop_last, "shuffle": batches.shuffle}
        self._run(X, y, weight, epochs, options, check, deadline)
        has_one_batch = y is not None and batches.shuffle and not batches.shuffles
        if has_one_batch and isinstance(self.random_state, RandomState):
            net.skip_orders(n_rows, check.epochs)  # scikit-learn shuffles the rows of a single batch, too
