"""The class Network: its parameters, and its creation from shapes and dicts of weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..common.errors import suggest_keywords
from ..data.arrays import Array
from ..spec import shapes
from ..spec.configuration import DEFAULT_LOSS, check_scales, configure
from ..spec.layers import Dense
from .describing import Describing
from .inspection import Inspection
from .stepping import Stepping
from .uncertainty import Uncertainty

if TYPE_CHECKING:
    from numpy.random import Generator, RandomState

    from ..losses import Loss, LossName
    from ..optimizers import OptimizerName
    from ..optimizers.base import Optimizer
    from ..preprocessing.choices import Features, Types
    from ..spec.configuration import DType, Precision, Scaling
    from ..spec.embeddings import Widths
    from ..spec.numeric_embeddings import NumericEmbedding, NumericEmbeddingName


class Network(Stepping, Inspection, Uncertainty, Describing):
    """Neural network of fully connected layers.

    Parameters
    ----------
    layers : sequence of Dense
        Layers, from the first hidden layer to the output. The number of columns of X is determined by fit.
    loss : Loss or str, default "softmax_cross_entropy"
        Loss of :mod:`compiled_nn.losses`, or a name in `losses.LOSSES` for its default parameters, such as
        "binary_cross_entropy" for classes or "mse" for values. The loss determines the activation of the last layer:
        softmax, sigmoid, exp or none. With "binary_cross_entropy", the last layer has one output for two classes, or
        one output per class, each with an independent sigmoid.
    optimizer : Optimizer or str, default "adam"
        Optimizer, such as ``SGD(0.1)``, or a name in `optimizers.OPTIMIZERS` for its default parameters, such as "sgd".
    l1, l2 : float, default 0.0
        Factors, at least 0, of the penalty ``l2 / 2 * sum(W ** 2) + l1 * sum(abs(W))``, which is added to the mean
        loss. Biases are not penalised. See `proximal`.
    input_scale : float, default 1.0
        Factor, above 0, by which X is multiplied before the first layer, such as 1 / 255 for 8-bit images. It cannot be
        combined with `standardize`.
    dtype : {"float32", "float64"}, default "float32"
        Dtype of weights and arithmetic. X may have any dtype.
    seed : int, Generator or RandomState, optional
        Seed for initial weights and shuffling. The same seed gives the same bits with any number of threads. A
        generator draws an int, once, when the network is created. The global generator of NumPy is not used.
    n_threads : int, optional
        Number of threads of this network; None follows :func:`set_num_threads`.
    standardize : bool or {"standard", "robust", "standard_smooth_clip", "robust_smooth_clip", "minmax"}, default False
        Whether, and how, each column of X is replaced by (x - centre) / scale. "standard", or True: mean and standard
        deviation. "robust": median and interquartile range, on which outliers have little effect. "minmax": minimum and
        range, so that the training rows are in [0, 1]. "robust_smooth_clip": as "robust", with half the range for an
        interquartile range of 0; then each result z is replaced by z / sqrt(1 + (z / 3)**2), which is between -3 and 3
        [1]_. "standard_smooth_clip": as "standard", then the same. The statistics are computed from the training rows
        of fit, or the first partial_fit, and stored in files. All methods expect unscaled X; weights and gradients are
        those for scaled columns. X is not copied ("robust" sorts some columns at a time), and predicting takes no
        longer, except with the clip.
    scale_targets : bool, default False
        Whether to train on (y - mean) / standard deviation of each output, for the loss "mse". The statistics are
        computed from the y of the training rows of fit, or the first partial_fit, and stored in files. All methods
        expect unscaled y; predictions, loss and score are in its units. Weights, gradients and the history are those
        for scaled outputs.
    categorical_features : "auto" or sequence of int or str, optional
        Columns of X that contain categories, as for :class:`compiled_nn.preprocessing.Tabular`, by which the network
        then encodes X. The encoder is fitted on the X of fit, or the first partial_fit, and stored in files.
        `standardize` then scales the columns of numbers only.
    min_frequency : int or float, optional
        Number of rows, or fraction of the rows, below which a category is rare. All rare categories of a column share
        one encoded column.
    column_types : dict of str or int to {"number", "category", "date", "ignore"}, optional
        Types of some columns of X, by name or index, in place of those that `categorical_features` results in. "ignore"
        leaves a column out. With "auto", columns that name the rows, such as an id, have one value only, or hold free
        text, are left out with a warning; their type here uses them, or leaves them out without the warning.
    input_dropout : float, default 0.0
        Probability, in [0, 1), with which a number of X is set to 0 in training. The others are divided by
        1 - input_dropout.
    clip_norm : float, optional
        Largest norm of the gradient over all weights and biases, above 0; a larger gradient is scaled down to it. The
        history then has the mean norm before clipping of each epoch, so a very large value only measures the norm.
    clip_value : float, optional
        Largest absolute value of each number of the gradient, above 0; larger numbers are clipped, after `clip_norm`.
    ema : float, optional
        Decay, in (0, 1), of an exponential moving average of the weights over the steps, with bias correction.
        Predictions, scores, ``get_weights`` and files use the average. Training continues from the weights of the last
        step.
    embeddings : int, "auto" or dict, optional
        Width of the trained vectors that represent the categories of `categorical_features`: an int for all columns;
        "auto" for min(600, round(1.6 n**0.56)) with n categories; or a dict of widths by name or index of the column,
        where columns that are not in it remain columns of 0 and 1. The embeddings are an additional linear first layer
        in `layers` and in the weights. An unknown category has the vector 0. Predicting takes no longer.
    proximal : bool, default False
        Whether the L1 penalty is applied by a proximal step (soft threshold) after each step of the optimizer, in place
        of its gradient. Weights then become exactly 0. Not for Lion and Rprop.
    numeric_embeddings : PiecewiseLinear or "piecewise_linear", optional
        Encoding of the columns of numbers: each of them is followed by the inputs of its bins, see
        :class:`PiecewiseLinear` [2]_. The bins are learned from the training rows of fit, or those of the first
        partial_fit or the first item of a stream, and stored in the network. Columns of categories, and columns of two
        values, have no bins. Weights, files and ``input_names_`` have them after the columns; X keeps its columns.
    precision : {"float32", "bfloat16"}, default "float32"
        Precision of the products of training and prediction, for `dtype` "float32". With "bfloat16", both operands of
        each product are rounded to bfloat16, which has 8 bits for the digits and the range of float32. Sums, biases,
        activations, the loss, the optimizer and the stored weights remain float32. This is faster for large layers on
        processors with instructions for bfloat16, see docs/guide/precision.md; :meth:`compare_precision` measures the
        loss of accuracy. Not for the optimizer LBFGS.

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
        Sorted labels; for classification only.
    n_features_ : int
        Number of columns of X.
    n_parameters : int
        Number of weights, biases and gains.
    mean_, scale_ : ndarray (n_features,)
        Centre and scale of each column in float64, with `standardize`. The scale of a constant column is 1.
    target_mean_, target_scale_ : ndarray (n_outputs,)
        Mean and standard deviation of each output in float64, with `scale_targets`. The scale of a constant output
        is 1.
    encoder_ : Tabular
        Encoder that turns X into numbers, with `categorical_features`.
    embeddings_ : dict
        Vectors (categories, width) of each column by its name or index, with `embeddings`. There is one row per
        category, in the order of ``encoder_.columns_``, and a last row for rare categories if there are any.
    norms_ : list of dict or None
        Copies of the parameters of normalisation of each layer: "gain" (units,), and for "batch" the running "mean" and
        "variance" (units,). None for a layer that is not normalised.
    metadata : dict
        Content of the user, empty at first: anything that JSON can express, by name. Files and pickles store it, and
        training does not change it.
    history : dict of lists
        Training history with one entry per epoch in each column: "epoch" (from 1), "loss" (mean over the rows during
        the epoch), "penalty", "learning_rate" (of the last step) and "seconds"; with validation rows "val_loss" and
        "val_score"; with `clip_norm` "gradient_norm"; and the columns of metrics and callbacks.
    stop_reason_ : str or None
        Reason why fit ended: "max_iter" (all epochs were trained), "early_stopping", "target", "time_limit",
        "callback" or "interrupted". None after an exception.
    best_epoch_ : int or None
        Best epoch, with early stopping.
    precision_report_ : PrecisionReport
        Comparison with float32 by the last fit with `validation_data` or another validation part, for the precision
        "bfloat16"; or by :meth:`quantize`.
    epochs_planned_ : int
        Number of epochs in the history if fit trains all of its epochs.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or value, or parameters contradict one another.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees on
       tabular data", Advances in Neural Information Processing Systems 37, 2024.
    .. [2] Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning",
       Advances in Neural Information Processing Systems 35, 2022.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(64, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=20, validation_fraction=0.1)
    >>> round(net.score(data.X_test, data.y_test), 2)
    0.97
    >>> net.predict(data.X_test[:5]), data.y_test[:5]
    (array([0, 6, 3, 8, 1]), array([0, 6, 3, 8, 1]))
    """

    @suggest_keywords("Network")
    def __init__(
        self,
        layers: Sequence[Dense],
        *,
        loss: Loss | LossName = DEFAULT_LOSS,
        optimizer: Optimizer | OptimizerName = "adam",
        l1: float = 0.0,
        l2: float = 0.0,
        input_scale: float = 1.0,
        dtype: DType = "float32",
        seed: int | Generator | RandomState | None = None,
        n_threads: int | None = None,
        standardize: bool | Scaling = False,
        scale_targets: bool = False,
        categorical_features: Features | None = None,
        min_frequency: float | None = None,
        column_types: Types | None = None,
        input_dropout: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        ema: float | None = None,
        embeddings: Widths | None = None,
        proximal: bool = False,
        numeric_embeddings: NumericEmbedding | NumericEmbeddingName | None = None,
        precision: Precision = "float32",
    ) -> None:
        check_scales(input_scale, standardize)
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
            column_types=column_types,
            input_dropout=input_dropout,
            clip_norm=clip_norm,
            clip_value=clip_value,
            ema=ema,
            embeddings=embeddings,
            proximal=proximal,
            numeric_embeddings=numeric_embeddings,
            precision=precision,
        )
        super().__init__(configuration, n_threads)

    def __repr__(self) -> str:
        return f"Network({self._configuration}){'.quantize(...)' if self._is_quantized else ''}"

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook displays: parameters, layers, diagram and loss curve."""
        from ..display import notebook  # imported here to keep `import compiled_nn` fast

        return notebook.page(self, self._configuration)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def to_sklearn(self) -> Any:
        """Return the network as a fitted estimator of scikit-learn."""
        from ..exchange.sklearn_writer import to_sklearn  # imported here to keep `import compiled_nn` fast

        self._check_float("to_sklearn")
        return to_sklearn(self._parts(), self._described_predictor()[1])

    # ---- forms of a network in tutorials

    @classmethod
    def from_shape(cls, shape: shapes.Shape, **parameters: Any) -> Network:
        """Create a network from a shape, as tutorials use it. The last activation determines the default loss.

        Parameters
        ----------
        shape : list of dict
            One dict per layer, such as ``{"nodes": 4, "activation": "relu"}``, from the first hidden layer to the
            output. The optional keys "bias" and "init" are those of :class:`Dense`. The default loss is
            binary_cross_entropy for "sigmoid", softmax_cross_entropy for "softmax", poisson for "exp", and mse for any
            other last activation; the key "loss" in the last dict, or the parameter `loss`, is another one.
        **parameters
            Other parameters of :class:`Network`, such as `loss`, `optimizer`, `dtype` and `seed`.

        Returns
        -------
        Network
            Network without weights.

        Raises
        ------
        TypeError, ValueError
            If the shape or a parameter cannot be used.

        See Also
        --------
        to_shape : Shape of a network.
        from_dict : Network with given weights.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> shape = [{"nodes": 4, "activation": "relu"}, {"nodes": 1, "activation": "sigmoid"}]
        >>> net = cnn.Network.from_shape(shape, seed=0).fit([[0.0], [1.0]], [0, 1], epochs=5)
        >>> net.activations, net.n_parameters
        (['relu', 'sigmoid'], 13)
        """
        layers = shapes.layers(shape)
        return cls(layers, **{"loss": shapes.loss(shape), **parameters})

    def to_shape(self) -> list[dict[str, Any]]:
        """Return the shape of the network, in the form of :meth:`from_shape`.

        Returns
        -------
        list of dict
            "nodes" and "activation" of each layer, and "bias" for layers without biases; "loss" is "mse" for an
            activation such as "sigmoid" that is not the link of the loss.

        Raises
        ------
        ValueError
            If a shape cannot describe the network: a layer is normalised or residual, or the predictions are not the
            outputs of the last activation, as for the losses "ordinal", "quantile" and "gaussian_nll".

        See Also
        --------
        from_shape : Network from a shape.
        to_dict : Weights.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(1)], loss="mse").to_shape()
        [{'nodes': 4, 'activation': 'relu'}, {'nodes': 1, 'activation': 'identity'}]
        """
        self._check_plain()
        c = self._configuration
        return shapes.from_layers(self.layers, c.activation_names, activated=c.activated)

    @classmethod
    def from_dict(
        cls, weights: shapes.Parameters, shape: shapes.Shape | None = None, **parameters: Any
    ) -> Network:
        """Create a network with given weights. Fit starts from them, too.

        Parameters
        ----------
        weights : dict of arrays
            Weights and biases by name: W1 (units, inputs), b1 (units, 1) or (units,), W2, ... A layer without b has no
            biases. The arrays are copied. PyTorch stores weights in this order; ``coefs_`` of scikit-learn are the
            transposes.
        shape : list of dict, optional
            Shape in the form of :meth:`from_shape`. Default: relu in the hidden layers, sigmoid in the last layer.
        **parameters
            Other parameters of :class:`Network`. The default of `dtype` is the dtype of W1 if that is float32 or
            float64.

        Returns
        -------
        Network
            Network with these weights. For classes, its labels are 0, 1, ...

        Raises
        ------
        TypeError, ValueError
            If the shapes of consecutive layers do not match, or the weights do not match `shape`.

        See Also
        --------
        to_dict : Weights of a network.
        set_weights : Weights of an existing network.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> weights = {"W1": [[1.0, -1.0]], "b1": [0.5]}  # one unit with two inputs
        >>> net = cnn.Network.from_dict(weights, [{"nodes": 1, "activation": "relu"}])
        >>> net.predict([[2.0, 1.0], [1.0, 2.0]])
        array([1.5, 0. ])
        """
        shape = shape or shapes.default(weights)
        layers = shapes.with_biases(shapes.layers(shape), weights)
        net = cls(layers, **{"loss": shapes.loss(shape), **shapes.with_dtype(parameters, weights)})
        net.set_weights(shapes.from_dict(weights))
        return net

    def to_dict(self) -> dict[str, Array]:
        """Return weights in the form of :meth:`from_dict`, which predict from unscaled X in units of y.

        ``Network.from_dict(net.to_dict(), net.to_shape())`` has the same outputs, up to rounding: the scaling of X and
        y (`input_scale`, `standardize`, `scale_targets`) and the temperature of :meth:`calibrate` are included in the
        weights. Other parameters and the labels are not in the dict; :meth:`get_weights` returns the weights without
        the scaling.

        Returns
        -------
        dict of arrays
            Copies W1 (units, inputs), b1 (units, 1), W2, ... in the dtype of the network; no b for layers without
            biases.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        ValueError
            If this form cannot describe the network: in the cases of :meth:`to_shape`; if it encodes categories; or if
            the dtype of the network has too few digits to include the scaling in the weights.

        See Also
        --------
        from_dict : Network from these weights.
        get_weights : Weights as they are in the network.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[0.0], [10.0], [20.0]], [1.0, 2.0, 3.0]
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer="lbfgs", standardize=True, dtype="float64", seed=0)
        >>> weights = net.fit(X, y).to_dict()
        >>> weights["W1"].round(2), weights["b1"].round(2)
        (array([[0.1]]), array([[1.]]))
        """
        from ..artefact.plain_weights import plain_weights  # imported here to keep `import compiled_nn` fast

        self._check_plain()
        return shapes.to_dict(plain_weights(self._parts()))

    def _check_plain(self) -> None:
        """Raise a ValueError for a network that a shape cannot describe."""
        from ..artefact.plain_weights import check_link  # imported here to keep `import compiled_nn` fast

        shapes.check_plain(self.layers)
        check_link(self._configuration)
