"""The run of the epochs of an estimator, and the fitted attributes that it sets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..common.errors import CompiledNNWarning, warn
from ..data.arrays import Array
from ..optimizers.full_batch import LBFGS
from . import sklearn_compat
from .fitted import Fitted
from .progress import ConvergenceCheck, Progress, in_order, seconds_until

if TYPE_CHECKING:
    from ..optimizers.base import Optimizer


class Running(Fitted):
    """Methods of the estimators that train `network_` and set the fitted attributes."""

    _latest_optimizer: Optimizer

    def _weight_options(self, sample_weight: Array | None) -> dict[str, Any]:
        """Return the arguments of ``Network.fit`` with the weights of rows and classes."""
        return {} if sample_weight is None else {"sample_weight": sample_weight}

    def _run(
        self,
        X: Any,
        y: Array | None,
        weight: Array | None,
        epochs: int,
        options: dict[str, Any],
        check: ConvergenceCheck,
        deadline: float,
    ) -> None:
        """Train `network_` from its present weights, and set the fitted attributes."""
        net = self.network_
        self.stop_reason_ = None
        net.describe = lambda: self._described(check.attributes(check.monitor is not None))
        try:
            net.fit(
                X,
                y,
                epochs=epochs,
                warm_start=True,
                verbose=int(self.verbose),
                callbacks=in_order(self.callbacks or (), check),
                time_limit=seconds_until(deadline),
                on_interrupt=self.on_interrupt,
                **options,
                **self._weight_options(weight),
            )
        finally:
            net.describe = None
            if self._progress.has_begun:
                self._store_results(check)
                net.report_precision(completed=self.stop_reason_ is not None)
        if self.stop_reason_ == "interrupted":
            warn("Training interrupted by user.", CompiledNNWarning)

    def _store_results(self, check: ConvergenceCheck) -> None:
        """Set the fitted attributes, after training or after an exception that has ended it."""
        net, progress, stopping_early = self.network_, self._progress, check.monitor is not None
        self.stop_reason_ = net.stop_reason_
        if self.stop_reason_ and stopping_early and self.restore_best and progress.best_state is not None:
            net.restore(progress.best_state)
            net.best_epoch_ = progress.best_epoch
        if stopping_early and progress.losses and not progress.best_epoch:
            column = "val_score" if self.monitor is None else self.monitor
            warn(f"{column!r} was NaN in each epoch; the last weights are kept.", CompiledNNWarning)
        vars(self).update(check.attributes(stopping_early))

    def _run_lbfgs(
        self, X: Any, y: Array, weight: Array | None, options: dict[str, Any], deadline: float
    ) -> None:
        """Train by "lbfgs": each epoch is a step that uses all rows."""
        net, scale = self.network_, self._loss_factor()
        self._progress = Progress()
        check = ConvergenceCheck(
            self._progress,
            n_rows=0,
            loss_factor=scale,
            penalty_factor=scale,
            monitor=None,
            min_delta=0.0,
            patience=math.inf,
            rate_rule="constant",
            initial_rate=self.learning_rate_init,
            power=self.power_t,
        )
        if self.max_iter:
            net.optimizer = LBFGS(self.max_iter, self.max_fun, self.tol)
        try:
            self._run(X, y, weight, self.max_iter, options, check, deadline)
        finally:
            net.optimizer = self._latest_optimizer
        self._warn_not_converged("lbfgs failed to converge: the limit of iterations was reached")

    def _warn_not_converged(self, message: str) -> None:
        """Warn that `max_iter` ended training, but only where the user has set `tol`."""
        if self.stop_reason_ == "max_iter" and "tol" in self.changed():
            sklearn_compat.warn_not_converged(f"{message} and the optimization hasn't converged yet.")

    def _loss_factor(self) -> float:
        """Return the factor from the network's loss to the reported loss."""
        return 1.0
