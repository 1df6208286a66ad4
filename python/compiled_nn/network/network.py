"""The network: what the user holds, how it is made, and read from files. Orchestration only."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..data.arrays import Array
from ..files import network_file
from ..files.safetensors_file import name_file_in_errors
from ..spec import shapes
from ..spec.configuration import DEFAULT_LOSS, configure
from ..spec.layers import Dense
from ..training.trainer import Trainer
from .fit import Fitting
from .inspection import Inspection
from .uncertainty import Uncertainty

if TYPE_CHECKING:
    from ..losses import Loss
    from ..optimizers.classes import Optimizer
    from ..preprocessing.tabular import Features


class Network(Fitting, Inspection, Uncertainty):
    """A stack of fully connected layers, trained by gradients of one loss.

    Parameters
    ----------
    layers : sequence of Dense
        From the first hidden layer to the output. How many columns X has is learned from the data.
    loss : Loss or str, default "softmax_cross_entropy"
        One of :mod:`compiled_nn.losses`, or its name for its defaults: "binary_cross_entropy",
        "softmax_cross_entropy", "focal", "ordinal" for classes, "mse", "squared_error", "mae", "huber", "log_cosh",
        "poisson", "gamma", "tweedie", "quantile", "gaussian_nll" for values. It decides the activation of the last
        layer: softmax, sigmoid, exp or none. "binary_cross_entropy" takes one output for two classes, or one output
        a class (then each output is a sigmoid of its own).
    optimizer : Optimizer or str, default "adam"
        An object as ``SGD(0.1)``, or one of "sgd", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad",
        "adadelta", "lion" and "rprop" for its default values.
    l1, l2 : float, default 0.0
        Penalty ``l2 / 2 * sum(W ** 2) + l1 * sum(abs(W))`` on the mean loss; weights only, not biases.
    input_scale : float, default 1.0
        Every number of X is multiplied by it before the first layer; 1 / 255 for 8-bit images. Without effect
        when `standardize` is True.
    dtype : {"float32", "float64"}, default "float32"
        Of weights and arithmetic. X may be of any dtype.
    seed : int, optional
        Of initial weights and shuffling: the same seed gives the same bits, with any number of threads.
        NumPy's global generator is never touched.
    n_threads : int, optional
        Threads of this network; None follows :func:`set_num_threads`.
    standardize : bool or {"standard", "robust", "minmax"}, default False
        Take each column of X as (x - centre) / scale, both learned from the X of fit alone (not from validation data),
        or of the first partial_fit, and kept in the network and in its files. "standard", or True: mean and standard
        deviation. "robust": median and interquartile range, which a few wild numbers do not move. "minmax": smallest
        number and range, so that the X of fit lies in [0, 1]. X is given as it is everywhere; weights and gradients
        are those of the scaled columns. X is not copied for it ("robust" sorts some columns at a time), and predicting
        costs no more than without.
    scale_targets : bool, default False
        For "mse": train on (y - mean) / standard deviation of each output, learned from the y of fit alone, or of the
        first partial_fit, and kept in the network and in its files. y is given as it is everywhere; predictions, loss
        and score are in its units. Weights, gradients and the history are those of the scaled outputs.
    categorical_features : "auto" or sequence of int or str, optional
        X is a table of numbers and categories, which the network itself turns into numbers: see
        :class:`compiled_nn.preprocessing.Tabular`, which it learns from the X of fit alone, or of the first
        partial_fit, and keeps in its files. `standardize` then scales the columns of numbers alone.
    min_frequency : int or float, optional
        Categories that are rarer, in rows or as a share of the rows, have one column together.
    input_dropout : float, default 0.0
        In training, each number of X is left out with this probability, in [0, 1), and divided by 1 - input_dropout
        otherwise.
    clip_norm : float, optional
        A gradient whose norm over all weights and biases is larger is scaled down to this, above 0. The history then
        has the mean norm of each epoch, as it was before: a limit out of reach only measures.
    clip_value : float, optional
        Each number of the gradient, after that, is cut to lie between -clip_value and clip_value.
    ema : float, optional
        In (0, 1): predict with an average of the weights after each step, each counting `ema` times as much as the one
        after it, bias-corrected. Everything but training knows these weights only; files hold them. Training goes on
        from those of the last step.
    embeddings : int, "auto" or dict, optional
        Categories of `categorical_features` become vectors that are learned: all of this width; "auto": min(600,
        round(1.6 n**0.56)) for n categories; or of these widths by name or number of the column, the others staying
        columns of 0 and 1. They are a first layer, which `layers` and the weights then have: linear, with a block for
        each column. An unknown category has the vector 0. Predicting costs no more than without.

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
        Sorted labels; classification only.
    n_features_ : int
        Columns of X.
    n_parameters : int
        Weights and biases.
    mean_, scale_ : ndarray (n_features,)
        With `standardize`: mean and standard deviation of each column, float64, or what else it is centred and scaled
        by; the scale is 1 where there is no spread.
    target_mean_, target_scale_ : ndarray (n_outputs,)
        With `scale_targets`: mean and standard deviation of each output, float64; 1 where it is constant.
    encoder_ : Tabular
        With `categorical_features`: what turns X into numbers.
    embeddings_ : dict
        With `embeddings`: vectors (categories, width) of each column by its name, or number; a row a category, in the
        order of ``encoder_.columns_``, a last one for rare categories.
    norms_ : list of dict or None, one a layer
        Copies of what a normalised layer has besides its weights: "gain" (units,), and for "batch" the running "mean"
        and "variance" (units,).
    history : dict of lists
        One entry an epoch of fit: "epoch" (from 1), "loss" (mean over the rows, as seen while training),
        "penalty", "learning_rate" (of the last step), "seconds", and with validation data "val_loss" and
        "val_score", with `clip_norm` "gradient_norm", and what metrics and callbacks add.
    stop_reason_ : str or None
        Why fit ended: "max_iter" (all epochs are done), "early_stopping", "target", "time_limit", "callback",
        "interrupted"; None after an exception.
    best_epoch_ : int or None
        With early stopping: the best epoch.
    epochs_planned_ : int
        Epochs that the history has when fit has done all of them.

    Raises
    ------
    TypeError, ValueError
        When a parameter is of the wrong type or value.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> net = cnn.Network([cnn.Dense(8, "tanh"), cnn.Dense(1)], loss="mse", seed=0)
    >>> net.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], epochs=3).predict([[3.0]]).shape
    (1,)
    """

    def __init__(
        self,
        layers: Sequence[Dense],
        *,
        loss: Loss | str = DEFAULT_LOSS,
        optimizer: Optimizer | str = "adam",
        l1: float = 0.0,
        l2: float = 0.0,
        input_scale: float = 1.0,
        dtype: str = "float32",
        seed: int | None = None,
        n_threads: int | None = None,
        standardize: bool | str = False,
        scale_targets: bool = False,
        categorical_features: Features | None = None,
        min_frequency: float | None = None,
        input_dropout: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        ema: float | None = None,
        embeddings: int | str | Mapping[int | str, int] | None = None,
    ) -> None:
        configuration = configure(
            layers,
            loss=loss,
            optimizer=optimizer,
            l1=l1,
            l2=l2,
            input_scale=input_scale,
            dtype=dtype,
            seed=seed,
            standardize=standardize,
            scale_targets=scale_targets,
            categorical_features=categorical_features,
            min_frequency=min_frequency,
            input_dropout=input_dropout,
            clip_norm=clip_norm,
            clip_value=clip_value,
            ema=ema,
            embeddings=embeddings,
        )
        super().__init__(configuration, n_threads)

    def __repr__(self) -> str:
        return f"Network({self._configuration})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: parameters, layers, diagram, loss curve."""
        from ..display import notebook  # few programs are one

        return notebook.page(self, self._configuration)

    # ---- as tutorials write it

    @classmethod
    def from_shape(cls, shape: shapes.Shape, **parameters: Any) -> Network:
        """Return a network of the layers in `shape`; its loss follows from the last activation.

        Parameters
        ----------
        shape : list of dict
            ``{"nodes": 4, "activation": "relu"}`` a layer, from the first hidden layer to the output;
            "bias" and "init", as for :class:`Dense`, may be added. The last activation is "sigmoid" for
            binary_cross_entropy, "softmax" for softmax_cross_entropy, "identity" or "linear" for mse.
        **parameters
            As for :class:`Network`: optimizer, dtype, seed, ...

        Raises
        ------
        TypeError, ValueError
            When the shape or a parameter cannot be used.
        """
        layers = shapes.layers(shape)
        return cls(layers, loss=shapes.loss(layers), **parameters)

    def to_shape(self) -> list[dict[str, Any]]:
        """Return what :meth:`from_shape` takes: "nodes" and "activation" of each layer.

        A ValueError for layers that are normalised or residual, which a shape cannot say.
        """
        shapes.check_plain(self.layers)
        return shapes.from_layers(self.layers, self._configuration.activation_names)

    @classmethod
    def from_dict(
        cls, weights: shapes.Parameters, shape: shapes.Shape | None = None, **parameters: Any
    ) -> Network:
        """Return a network with given weights, which are also those that fit starts from.

        Parameters
        ----------
        weights : dict of arrays
            W1 (units, inputs), b1 (units, 1), W2, ...; a layer without b has no biases. They are copied.
        shape : list of dict, optional
            As for :meth:`from_shape`. Default: relu, and sigmoid at the end.
        **parameters
            As for :class:`Network`; dtype is by default that of W1 when it is float32 or float64.

        Raises
        ------
        TypeError, ValueError
            When the weights do not follow one another or do not fit the shape.
        """
        layers = shapes.with_biases(shapes.layers(shape or shapes.default(weights)), weights)
        net = cls(layers, loss=shapes.loss(layers), **shapes.with_dtype(parameters, weights))
        net.set_weights(shapes.from_dict(weights))
        return net

    def to_dict(self) -> dict[str, Array]:
        """Return copies of the weights as W1 (units, inputs), b1 (units, 1), W2, ...

        A ValueError for layers that are normalised or residual, which have more than that.
        """
        shapes.check_plain(self.layers)
        return shapes.to_dict(self.get_weights())


def load(path: str | os.PathLike[str]) -> Network:
    """Read a network from a file that :meth:`Network.save` wrote; its predictions have the same bits.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Network
        Fit with ``warm_start=True`` to train on from its weights.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the file is anything but a network, or of a newer format. No content of a file can run code.
    """
    parts = network_file.read(path)
    with name_file_in_errors(path):
        return Network._of_parts(parts)


def load_checkpoint(path: str | os.PathLike[str]) -> Network:
    """Read a network from a file that :meth:`Network.save_checkpoint` wrote, as it was in training.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Network
        ``fit(..., warm_start=True)`` trains on as the network would have that was written, to the bit. A learning rate
        that was a function is to be assigned anew before: ``net.optimizer = Adam(schedule)``.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the file is anything but a checkpoint, or of a newer format. No content of a file can run code.
    """
    from ..files import checkpoint_file

    parts, state, history = checkpoint_file.read(path)
    with name_file_in_errors(path):
        net = Network._of_parts(parts)
        net._trainer = Trainer.restored(net._fitted(), state)
        net.history = history
    return net
