"""Networks and ensembles from files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..training.trainer import Trainer
from .network import Network

if TYPE_CHECKING:
    from ..files.places import Readable


def load(path: Readable, *, mmap: bool = False) -> Network:
    """Load a network or an ensemble from a file that its method ``save`` wrote. Its predictions have the same bits.

    Loading does not execute code from the file.

    Parameters
    ----------
    path : str, path-like, bytes or binary file object
        Path of the file, or its content, or a file object to read it from.
    mmap : bool, default False
        Whether the file is mapped into memory while it is read, which needs its path, and saves a copy of one layer at
        a time. The network has its own copy of the weights either way. If another program truncates the file
        meanwhile, the operating system ends the process; without `mmap` there is a ValueError.

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
    """
    from ..files import network_file  # imported here to keep `import compiled_nn` fast
    from ..files.safetensors_file import open_tensors

    with open_tensors(path, mmap=mmap) as file:
        described = network_file.describe(file)
        if described.members is None:
            return Network._of_parts(network_file.parts_of(file, described))
        from ..files import ensemble_file
        from .ensemble import Ensemble

        ensemble: Any = Ensemble._of_parts(ensemble_file.parts_of(file, described))
        result: Network = ensemble  # the type of nearly all files, so that programs for networks need no cast
        return result


def load_checkpoint(path: Readable) -> Network:
    """Load a network with its state of training from a file that :meth:`Network.save_checkpoint` wrote.

    Loading does not execute code from the file.

    Parameters
    ----------
    path : str, path-like, bytes or binary file object
        Path of the file, or its content, or a file object to read it from.

    Returns
    -------
    Network
        Network in training. ``fit(..., warm_start=True)`` continues with the same bits as the saved network would. If
        the learning rate was a function, assign the optimizer again before: ``net.optimizer = Adam(schedule)``.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is not a valid checkpoint, or has a newer format.
    """
    from ..files import checkpoint_file  # imported here to keep `import compiled_nn` fast
    from ..files.safetensors_file import name_file_in_errors

    parts, state, history = checkpoint_file.read(path)
    with name_file_in_errors(path):
        net = Network._of_parts(parts)
        net._trainer = Trainer.restored(net._fitted(), state)
        net.history = history
    return net
