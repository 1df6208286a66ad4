"""Functions that make a network from one of another library or format: from_torch, from_keras and from_onnx."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .importing import Meaning, network_of

if TYPE_CHECKING:
    from ..losses import Loss, LossName
    from .network import Network


def from_torch(
    module: Any,
    *,
    activations: str | Sequence[str] | None = None,
    loss: Loss | LossName | None = None,
    classes: Any = None,
    in_order: bool = False,
) -> Network:
    """Make a network from a PyTorch module, or from a state dict.

    The predictions of both are compared before the network is returned; ``metadata["conversion"]`` has the largest
    difference. Files of ``torch.save`` are pickles, which can run code: they are not read.

    Parameters
    ----------
    module : torch.nn.Module, mapping of str to tensor or array, or path
        ``nn.Sequential`` of linear layers, activations, normalisation, dropout and a softmax; a state dict of linear
        layers in the order in which they are used; or the path of a safetensors file with one.
    activations : str or sequence of str, optional
        For a state dict, which needs it: activation of all hidden layers; or a list with one activation for each hidden
        layer, or for each layer.
    loss : Loss or str, optional
        Loss of the network. Default: that of the last activation, which is "softmax_cross_entropy" for a softmax,
        "binary_cross_entropy" for a sigmoid, "poisson" for exp, and otherwise "mse". Pass "softmax_cross_entropy" or
        "binary_cross_entropy" if the outputs are logits.
    classes : array-like, optional
        Labels in the order of the outputs. With labels and without a loss, outputs without an activation are logits.
        Default: 0, 1, ...
    in_order : bool, default False
        Whether modules of other classes call their children one after another, in the order in which they are defined.

    Returns
    -------
    Network
        Network whose dtype is that of the weights: float64, or otherwise float32. `fit` starts from the weights.

    Raises
    ------
    ImportError
        If PyTorch is not installed and `module` is not a state dict.
    TypeError
        If an argument is of the wrong type.
    ValueError
        If a module has no counterpart; the message names it.
    ArithmeticError
        If the predictions differ.

    See Also
    --------
    from_keras : Network from Keras.
    from_onnx : Network from a file of ONNX.
    Network.to_torch : PyTorch module from a network.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> state = {"0.weight": np.ones((2, 3)), "0.bias": np.zeros(2), "2.weight": np.ones((1, 2)), "2.bias": np.ones(1)}
    >>> cnn.from_torch(state, activations="relu").predict([[1.0, 2.0, 3.0]]).tolist()
    [13.0]
    """
    from ..exchange import torch_reader, torch_states  # imported here to keep `import compiled_nn` fast

    meaning = Meaning(loss, classes)
    if isinstance(module, (str, os.PathLike)):
        module = torch_states.load_state(module)
    if isinstance(module, Mapping):
        names = torch_states.check_activations(activations, module)
        plain, dtype = torch_states.read_state(module, names)
        return network_of(
            plain,
            meaning,
            dtype,
            lambda X: torch_states.evaluate_state(module, names, X),
            "state dict",
            "NumPy",
        )
    torch = torch_reader.load_torch("from_torch")
    if not isinstance(module, torch.nn.Module):
        raise TypeError(
            "from_torch takes a module, a state dict, or the path of a safetensors file. Got"
            f" {type(module).__name__} instead."
        )
    if activations is not None:
        raise ValueError("activations is for a state dict; a module has its own. Leave it out.")
    plain, dtype = torch_reader.read_module(module, in_order=in_order)
    source = f"PyTorch {type(module).__name__}"
    return network_of(
        plain, meaning, dtype, lambda X: torch_reader.run(module, X), source, f"PyTorch {torch.__version__}"
    )


def from_keras(model: Any, *, loss: Loss | LossName | None = None, classes: Any = None) -> Network:
    """Make a network from a model of Keras 3.

    The predictions of both are compared before the network is returned; ``metadata["conversion"]`` has the largest
    difference.

    Parameters
    ----------
    model : keras.Model
        Sequential or functional model of Dense layers, activations, normalisation, Rescaling, Dropout and Flatten, one
        after another; Add of the input and the output of a layer makes it residual.
    loss : Loss or str, optional
        Loss of the network. Default: that of the last activation, as for :func:`from_torch`; the loss of ``compile``
        is not read.
    classes : array-like, optional
        Labels in the order of the outputs. Default: 0, 1, ...

    Returns
    -------
    Network
        Network whose dtype is that of the weights. `fit` starts from the weights.

    Raises
    ------
    ImportError
        If Keras is not installed.
    TypeError
        If an argument is of the wrong type.
    ValueError
        If a layer has no counterpart; the message names it.
    ArithmeticError
        If the predictions differ.

    See Also
    --------
    from_torch : Network from PyTorch.
    from_onnx : Network from a file of ONNX.
    Network.to_keras : Keras model from a network.

    Examples
    --------
    >>> import keras
    >>> import compiled_nn as cnn
    >>> layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3, activation="softmax")]
    >>> model = keras.Sequential([keras.Input((4,)), *layers])
    >>> net = cnn.from_keras(model, classes=["setosa", "versicolor", "virginica"])
    >>> net.activations, net.n_parameters
    (['relu', 'softmax'], 67)
    """
    from ..exchange import keras_reader, verification  # imported here to keep `import compiled_nn` fast

    keras = keras_reader.load_keras("from_keras")
    plain, dtype = keras_reader.read_model(keras, model)
    against = f"Keras {keras.__version__} with {keras.backend.backend()}"
    return network_of(
        plain,
        Meaning(loss, classes),
        dtype,
        lambda X: keras_reader.run(keras, model, X),
        f"Keras {type(model).__name__}",
        against,
        verification.BOUNDS[keras_reader.computed_dtype(keras, dtype)],
    )


def from_onnx(path: Any, *, loss: Loss | LossName | None = None, classes: Any = None) -> Network:
    """Make a network from a file of ONNX that holds a network of dense layers.

    The file may be one of PyTorch, Keras, skl2onnx or :meth:`Network.to_onnx`, with nodes such as Gemm, MatMul and Add,
    activations, norms in inference, and a scaler. onnxruntime and the network predict probe rows before it is returned;
    ``metadata["conversion"]`` has the largest difference.

    Parameters
    ----------
    path : str, path-like, bytes, binary file object or onnx.ModelProto
        File, its content, or a loaded model. Weights in other files are not read, unless ``onnx.load`` has read them.
    loss : Loss or str, optional
        Loss of the network. Default: that of the last activation, as for :func:`from_torch`.
    classes : array-like, optional
        Labels in the order of the outputs. Default: those of the file, if it has some, otherwise 0, 1, ...

    Returns
    -------
    Network
        Network in the dtype of the inputs. If each column is an input, it has their names. `fit` starts from the
        weights.

    Raises
    ------
    ImportError
        If onnx or onnxruntime is not installed.
    OSError
        If the file cannot be read.
    TypeError
        If an argument is of the wrong type.
    ValueError
        If the file is invalid, or a node has no counterpart; the message names it.
    ArithmeticError
        If the predictions differ.

    See Also
    --------
    from_torch : Network from PyTorch.
    from_keras : Network from Keras.
    Network.to_onnx : File of ONNX from a network.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[0.0], [1.0], [2.0]], ["low", "low", "high"]
    >>> net = cnn.Network([cnn.Dense(2)], optimizer="lbfgs", seed=0).fit(X, y)
    >>> model = net.to_onnx("net.onnx")
    >>> cnn.from_onnx("net.onnx").predict(X).tolist()
    ['low', 'low', 'high']
    """
    from ..exchange.from_onnx import graph, network  # imported here to keep `import compiled_nn` fast

    onnx, runtime = graph.load_onnx()
    found = network.read_network(graph.read(onnx, path), runtime)
    labels = found.classes if classes is None else classes
    meaning = Meaning(loss, labels, found.names)
    return network_of(
        found.plain, meaning, found.dtype, found.outputs, "ONNX", f"onnxruntime {runtime.__version__}"
    )
