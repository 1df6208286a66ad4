"""Estimators around networks that were trained elsewhere: with the networks of other candidates, in a search."""

from __future__ import annotations

import math
from typing import Any

from numpy.random import RandomState

from ..artefact.inputs import Inputs
from ..data.arrays import Array
from ..network.network import Network
from ..spec.configuration import Configuration
from ..training.stacks import new_stack, states_of
from ..training.targets import Targets
from ..training.trainer import Trainer
from .network import EstimatorNetwork
from .progress import ConvergenceCheck, Progress
from .random_draws import draw_dropout_seed, draw_weights

# Parameters that need a separate training, and the values with which they have no effect.
_ALONE: dict[str, tuple[Any, ...]] = {
    "learning_rate": ("constant",),
    "coefs_init": (None,),
    "intercepts_init": (None,),
    "n_batches": (None,),
    "accumulate": (1,),
    "drop_last": (False,),
    "averaging": (None,),
    "metrics": ((), []),
    "callbacks": (None, (), []),
    "warm_start": (False,),
    "time_limit": (None,),
}


class MemberNetwork(Network):
    """Network whose initial weights are drawn as those of an estimator with the same seed."""

    def _drawn(self, inputs: Inputs) -> Trainer:
        c: Configuration = inputs.embedded(self._configuration)
        random = RandomState(c.seed)
        states = states_of(draw_weights(c.layers, random, inputs.n_inputs))
        c = c.replace(seed=draw_dropout_seed(random, c.layers, c.input_dropout))
        return Trainer(new_stack(c, states), c.seed)


def check_member(model: Any) -> None:
    """Check the parameters of an estimator whose network is to be trained together with others.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or needs a separate training.
    """
    model._check()
    if model.solver == "lbfgs":
        raise ValueError(
            "solver='lbfgs' uses all rows in each step, but a search trains its candidates on the same batches. Use"
            " solver='adam' or 'sgd'."
        )
    for name, without_effect in _ALONE.items():
        value = getattr(model, name)
        if not any(value is each or (type(value) is type(each) and value == each) for each in without_effect):
            raise ValueError(
                f"{name}={value!r} is not supported by a search, which trains its candidates together. Leave it out."
            )


def member_network(model: Any, targets: Targets, seed: int) -> MemberNetwork:
    """Return the network of an estimator, before training.

    Parameters
    ----------
    model : MLPClassifier or MLPRegressor
        Estimator whose parameters were checked.
    targets : Targets
        Encoding of y.
    seed : int
        Seed of the initial weights and of dropout.
    """
    return MemberNetwork(
        model._layers(targets.n_outputs),
        loss=targets.loss,
        optimizer=model._optimizer(),
        l1=model.l1,
        l2=model.alpha,
        seed=seed,
        n_threads=model.n_threads,
        **model._network_options(),
    )


def adopt(model: Any, net: Network, y: Array) -> None:
    """Make a trained network the fitted network of an estimator with its parameters, and set the fitted attributes.

    Parameters
    ----------
    model : MLPClassifier or MLPRegressor
        Estimator; it is changed.
    net : Network
        Network that was trained with the parameters of the estimator.
    y : ndarray (m,) or (m, n)
        Targets of the training rows.
    """
    model._make_targets(y)  # sets the dtype of labels
    model._remember_parameters(model._optimizer())
    network = EstimatorNetwork._of_parts(net._parts())
    network.n_threads = model.n_threads
    network.history, network.best_epoch_ = net.history, net.best_epoch_
    network.stop_reason_, network.epochs_planned_ = net.stop_reason_, net.epochs_planned_
    model.network_, model.n_features_in_ = network, network.n_features_
    model.stop_reason_, model._progress = net.stop_reason_, Progress()
    batches = model._batches(len(y))
    check = ConvergenceCheck(
        model._progress,
        n_rows=min(len(y), batches.steps * batches.size),
        loss_factor=model._loss_factor(),
        penalty_factor=batches.steps,
        monitor=None,
        min_delta=model.tol,
        patience=math.inf,
        rate_rule="constant",
        initial_rate=model.learning_rate_init,
        power=model.power_t,
    )
    for loss, penalty in zip(net.history["loss"], net.history["penalty"], strict=True):
        check.on_epoch_end(network, check.epochs + 1, {"loss": [loss], "penalty": [penalty]})
    vars(model).update(check.attributes(False))
