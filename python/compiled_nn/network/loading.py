"""Networks and ensembles from files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..training.trainer import Trainer
from .network import Network

if TYPE_CHECKING:
    from ..files.network_file import Description
    from ..files.places import Readable


def load(path: Readable, *, mmap: bool = False) -> Network:
    """Load a network or an ensemble from a file that its method ``save`` wrote. Its predictions have the same bits.

    Loading does not execute code from the file.

    Parameters
    ----------
    path : str, path-like, bytes or binary file object
        Path of the file, or its content, or a file object to read it from.
    mmap : bool, default False
        Whether the file is mapped into memory, which needs its path. The weights of a file that was saved with
        ``mappable=True`` then stay in the file: all processes that load it share one copy, and a weight that training
        changes is copied by the operating system. Of another file, the network has its own copy. The predictions are
        the same. If another program truncates the file, the operating system ends the process: do not map a file that
        may be overwritten in place.

    Returns
    -------
    Network, or Ensemble
        Trained network, or ensemble if the file has one. ``fit(..., warm_start=True)`` continues training from its
        weights.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is not a valid network, or has a newer format; or if it cannot be mapped.

    See Also
    --------
    Network.save : Writing of the file.
    load_checkpoint : Network with the state of its training.
    read_card : Description of the model in a file, without its weights.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], input_scale=1 / 16, seed=0).fit(data.X_train, data.y_train, epochs=2)
    >>> net.save("digits.safetensors")
    >>> loaded = cnn.load("digits.safetensors")
    >>> bool((loaded.predict_proba(data.X_test) == net.predict_proba(data.X_test)).all())
    True
    """
    from ..files import network_file, recorded  # imported here to keep `import compiled_nn` fast
    from ..files.safetensors_file import open_tensors

    with open_tensors(path, mmap=mmap) as file:
        described = network_file.describe(file)
        net: Network
        if described.members is None:
            net = Network._of_parts(network_file.parts_of(file, described))
        else:
            net = _ensemble(file, described)
        recorded.verify(file, described.document, described.card)
    return net


def read_card(path: Readable) -> dict[str, Any]:
    """Return the card of a file: a description of the model in it. The weights are not read.

    The file is that of a network, an ensemble or an estimator, or a checkpoint. ``compiled-nn info`` prints the card.

    Parameters
    ----------
    path : str, path-like, bytes or binary file object
        Path of the file, or its content, or a file object to read it from.

    Returns
    -------
    dict
        JSON values by name: "metadata" (content of the user), "training" (rows, epochs, reason of the end and losses of
        the last fit), "fingerprint" (None in files of earlier versions), "written_by", "format_version", "bytes";
        "estimator" with "estimator_parameters", and "checkpoint", each None if the file has none; "task", "classes",
        "n_features", "columns", "column_types", "image_shape", "input_schema", "outputs", "calibration"; "layers",
        "parameters" (their number), "members" and "networks" of an ensemble; and the parameters "loss", "optimizer",
        "l1", "l2", "input_scale", "standardize", "scale_targets", "dtype" and "seed".

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is not valid, or has a newer format. The fingerprint is not compared with the weights, which
        :func:`load` does.

    Examples
    --------
    >>> import io
    >>> import compiled_nn as cnn
    >>> file = io.BytesIO()
    >>> net = cnn.Network([cnn.Dense(2)], seed=0).fit([[0.0], [1.0]], [0, 1], epochs=1)
    >>> net.save(file, metadata={"description": "Two classes.", "metrics": {"accuracy": 0.5}})
    >>> card = cnn.read_card(file.getvalue())
    >>> card["task"], card["training"]["rows"], card["metadata"]["metrics"]
    ('classification', 2, {'accuracy': 0.5})
    """
    from ..files import card  # imported here to keep `import compiled_nn` fast

    return card.read(path)


def load_checkpoint(path: Readable) -> Network:
    """Load a network or an ensemble with its state of training from a file that ``save_checkpoint`` wrote.

    Loading does not execute code from the file.

    Parameters
    ----------
    path : str, path-like, bytes or binary file object
        Path of the file, or its content, or a file object to read it from.

    Returns
    -------
    Network, or Ensemble
        Network or ensemble in training. ``fit(..., warm_start=True)`` continues with the same bits as the saved one
        would. If the learning rate of a network was a function, assign the optimizer again before:
        ``net.optimizer = Adam(schedule)``.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is not a valid checkpoint, or has a newer format.

    See Also
    --------
    Network.save_checkpoint : Writing of the file.
    load : Network without the state of its training.
    compiled_nn.callbacks.Checkpoint : Checkpoints during training.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], input_scale=1 / 16, seed=0).fit(data.X_train, data.y_train, epochs=2)
    >>> net.save_checkpoint("digits.ckpt")
    >>> net = net.fit(data.X_train, data.y_train, epochs=2, warm_start=True)
    >>> other = cnn.load_checkpoint("digits.ckpt").fit(data.X_train, data.y_train, epochs=2, warm_start=True)
    >>> other.history["loss"] == net.history["loss"], other.fingerprint() == net.fingerprint()
    (True, True)
    """
    from ..files import (  # imported here to keep `import compiled_nn` fast
        checkpoint_file,
        ensemble_checkpoint,
        network_file,
        recorded,
    )
    from ..files.safetensors_file import open_tensors

    with open_tensors(path) as file:
        if ensemble_checkpoint.is_checkpoint(file):
            described = network_file.describe(file)
            net: Network
            net = ensemble = _ensemble(file, described)
            ensemble._resume(ensemble_checkpoint.parse(file, described))
            recorded.verify(file, described.document, described.card)
            return net
        described, parts, state, history = checkpoint_file.parse(file)
        net = Network._of_parts(parts)
        net._trainer = Trainer.restored(net._fitted(), state)
        net.history = history
        recorded.verify(file, described.document, described.card)
    return net


def _ensemble(file: Any, described: Description) -> Any:
    """Return the ensemble in an opened file, untyped: most files have a network, whose type needs no cast then."""
    from ..files import ensemble_file  # imported here, because most files have a network
    from .ensemble import Ensemble

    return Ensemble._of_parts(ensemble_file.parts_of(file, described))
