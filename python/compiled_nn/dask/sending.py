"""Models in task graphs: their bytes once in a graph, loaded once by each worker process."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from threading import Lock
from typing import Any

from distributed.protocol import pickle

from ..network.loading import load
from ..network.network import Network
from ..spec.activations import Activation

_MOST_MODELS = 4  # that a process keeps
_loading = Lock()


class SentModel:
    """Fitted model as bytes, and a token of them.

    Parameters
    ----------
    model : Network, Ensemble or estimator
        Fitted model. The bytes are those of its file; a model that a worker could not load from its file, because a
        function is a part of it, is pickled.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    """

    def __init__(self, model: Any) -> None:
        model.fingerprint()  # raises NotFittedError, which is a ValueError
        self.kind: type[Any] | None = type(model)
        file = io.BytesIO()
        try:
            model.save(file)
            saved = not _has_functions(model)
        except (TypeError, ValueError):
            saved = False
        if not saved:
            self.kind = None
        self.content: bytes = file.getvalue() if saved else pickle.dumps(model, protocol=5)
        self.token = hashlib.sha256(self.content).hexdigest()

    def __dask_tokenize__(self) -> tuple[str, str]:
        """Return the part of the names of tasks that depends on the model."""
        return type(self).__name__, self.token

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SentModel) and self.token == other.token

    def __hash__(self) -> int:
        return hash(self.token)

    def model(self) -> Any:
        """Return the model of this process, which is loaded when it is first needed and predicts with one thread."""
        with _loading:
            return loaded(self)


@lru_cache(_MOST_MODELS)
def loaded(sent: SentModel) -> Any:
    """Return the model of this process."""
    if sent.kind is None:
        model = pickle.loads(sent.content)
    else:
        model = sent.kind.load(sent.content) if hasattr(sent.kind, "load") else load(sent.content)
    network = getattr(model, "network_", model)
    network.n_threads = 1
    return model


def _has_functions(model: Any) -> bool:
    """Return whether an activation is user-defined: its functions would have to be registered on each worker."""
    network: Network = getattr(model, "network_", model)
    return any(isinstance(layer.activation, Activation) for layer in network._configuration.layers)
