"""Loss of the mean of an ensemble, derivatives of the mean, and the table of its members."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..artefact import refusals
from ..artefact.predictor import LINKED, LOGITS
from ..common import arithmetic
from ..data.arrays import Array
from ..training.stacks import loss_of_outputs
from ..training.targets import weights_of
from .ensemble_state import EnsembleState

if TYPE_CHECKING:
    from ..artefact.kept_member import KeptMember
    from ..data.samples import Samples
    from ..spec.members_summary import MembersSummary
    from .network import Network


class EnsembleInspection(EnsembleState):
    """Methods of an ensemble that help to understand it."""

    def summary(self) -> MembersSummary:
        """Return a table of the networks: layers, parameters, weight in the mean, temperature and best epoch.

        The table has the precision of the products if it is narrow.

        Returns
        -------
        MembersSummary
            Table with one ``MemberSummary`` for each of `members_`, and before
            fit for each network. It prints as text, and notebooks show it as a table.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(4, "tanh"), cnn.Dense(1)], loss="mse", seed=0)
        >>> model = cnn.Ensemble(net, n_members=2).fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], validation=None)
        >>> model.summary()
        member  layers     activations  parameters  weight  temperature  best epoch
             0     4-1  tanh, identity          13     0.5            1          10
             1     4-1  tanh, identity          13     0.5            1          10
         total                                  26
        """
        from ..spec.members_summary import MembersSummary, MemberSummary  # imported here to keep fit fast

        found = []
        for i, network in enumerate(self._networks):
            c = network._configuration
            units = tuple(layer.units for layer in c.layers)
            found.append(MemberSummary(i, units, tuple(c.activation_names)))
        if not self._kept:
            return MembersSummary(found, self.precision_)
        return MembersSummary(
            [
                replace(
                    found[member.place],
                    parameters=self._network(member).n_parameters,
                    weight=weight,
                    temperature=member.temperature,
                    best_epoch=member.best_epoch,
                )
                for member, weight in zip(self._kept, self._weights.tolist(), strict=True)
            ],
            self.precision_,
        )

    def loss(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the mean loss of the averaged predictions, without penalty and without label smoothing.

        Temperatures are applied. Values are in units of y, as for :meth:`Network.loss`.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for :meth:`predict`.
        y : array-like
            True labels or values, as for :meth:`fit`.
        sample_weight : array-like (m,), optional
            Weight of each row, at least 0.

        Returns
        -------
        float
            Mean loss over the rows.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted yet.
        TypeError, ValueError
            If an argument cannot be used, or the loss is not finite.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> net = cnn.Network([cnn.Dense(16, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
        >>> model = cnn.Ensemble(net, n_members=4).fit(data.X_train, data.y_train, epochs=5)
        >>> X, y = data.X_test, data.y_test
        >>> model.loss(X, y) < min(member.loss(X, y) for member in model.members_)
        True
        """
        rows, encoded, targets = self._labelled(X, y, sample_weight, scaled=False)
        weights = weights_of(targets, encoded, sample_weight)
        kind = LINKED if self._configuration.activated else LOGITS
        outputs = self._predicting().of_encoded().forward(rows, kind, exact=targets.kind == "values")
        loss = loss_of_outputs(targets.loss.unsmoothed, outputs, encoded, weights, self._n_threads)
        if not math.isfinite(loss):
            raise ValueError(
                f"The mean loss of these rows is {loss}: the loss of a row is beyond the range of its dtype. Check X, y"
                " and the weights."
            )
        return loss

    def input_gradient(self, X: Any, *, output: Any = None) -> Array:
        """Return the derivatives of the averaged outputs with respect to X.

        They are those of :meth:`predict` for values, and of :meth:`decision_function` for classes, as for
        :meth:`Network.input_gradient`.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for ``predict``.
        output : label or int, optional
            Output whose derivatives are returned: a label of ``classes_``, or the index of an output. Default: all
            outputs.

        Returns
        -------
        ndarray (m, k), or (m, n_outputs, k)
            Derivatives, as for :meth:`Network.input_gradient`.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted yet.
        TypeError, ValueError
            If there is no such output, X cannot be used, or the loss is "ordinal".
        """
        loss = self._configuration.loss
        if loss.ordered:
            raise ValueError(
                f"input_gradient of an ensemble is not defined for the loss {loss.name}, whose outputs are not"
                " averaged themselves. Use the input_gradient of each of members_."
            )
        rows = self._known_inputs().read(X)
        nets = self._of_encoded()
        dtype = self._outputs.dtype or self._configuration.dtype
        if not loss.classifies:
            parts = [weight * net.input_gradient(rows, output=output) for net, weight in nets]
            total: Array = np.sum(parts, axis=0)
            return total.astype(dtype)
        gradients = _of_logits(nets, rows, loss.link) / self._outputs.calibration.temperature
        n = gradients.shape[1]
        chosen, sign = (slice(None), 1.0) if output is None else nets[0][0]._output(output, n)
        found = sign * gradients[:, chosen]
        found = found[:, 0] if found.ndim == 3 and n == 1 else found
        refusals.check_rows(found.reshape(len(found), -1), "the derivatives")
        return found.astype(self._configuration.dtype)

    def _of_encoded(self) -> list[tuple[Network, float]]:
        """Return the networks that predict, for rows that are encoded already, and their weights."""
        found = []
        for member, weight in zip(self._kept, self._weights.tolist(), strict=True):
            if weight > 0:
                net = self._network(member)
                net._inputs = self._known_inputs().of_encoded()
                found.append((net, weight))
        return found

    def _network(self, member: KeptMember) -> Network:
        """Return a network with a copy of the weights of a member."""
        raise NotImplementedError


def _of_logits(nets: Sequence[tuple[Network, float]], rows: Samples, link: str) -> Array:
    """Return the derivatives (m, n, k) of logits whose link is the mean of the probabilities of networks."""
    m, logs = len(rows), [math.log(weight) for _, weight in nets]
    gradients = [net.input_gradient(rows).astype(np.float64) for net, _ in nets]
    gradients = [each.reshape(m, -1, each.shape[-1]) for each in gradients]
    if len(nets) == 1:
        return gradients[0]
    outputs = [net.decision_function(rows).astype(np.float64).reshape(m, -1) for net, _ in nets]
    total: Array = np.zeros_like(gradients[0])
    if link == "softmax":
        parts = [log + _log_softmax(z) for log, z in zip(logs, outputs, strict=True)]
        mean = np.logaddexp.reduce(parts, axis=0)
        for log, part, gradient in zip(logs, parts, gradients, strict=True):
            p = arithmetic.activate("exp", part - log)[:, :, np.newaxis]
            share = arithmetic.activate("exp", part - mean)[:, :, np.newaxis]
            total += share * (gradient - (p * gradient).sum(axis=1, keepdims=True))
        return total
    true = [log - np.logaddexp(0, -z) for log, z in zip(logs, outputs, strict=True)]
    false = [log - np.logaddexp(0, z) for log, z in zip(logs, outputs, strict=True)]
    mean = np.logaddexp.reduce(true, axis=0) + np.logaddexp.reduce(false, axis=0)
    for log, p, q, gradient in zip(logs, true, false, gradients, strict=True):
        total += arithmetic.activate("exp", p + q - log - mean)[:, :, np.newaxis] * gradient
    return total


def _log_softmax(z: Array) -> Array:
    z = z - z.max(axis=1, keepdims=True)
    log_p: Array = z - arithmetic.log(arithmetic.activate("exp", z).sum(axis=1, keepdims=True))
    return log_p
