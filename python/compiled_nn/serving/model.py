"""A model that is ready to answer: read once, never changed, replaced as a whole."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..artefact import checking
from ..common.errors import NotFittedError
from .answers import Answering, Answers
from .batching import Batcher
from .rows import Rows

if TYPE_CHECKING:
    from ..data.arrays import Array
    from .settings import Settings


class ServedModel:
    """Model with all that requests need.

    Parameters
    ----------
    model : Network, Ensemble or fitted estimator
        Model. It answers with its present weights; later training does not change the answers.
    file : ReadFile or None
        Card and hash of the file of the model; None for a model that is not a file.
    settings : Settings
        Limits of the service.
    executor : concurrent.futures.Executor
        Threads of longer calls.
    observe : callable
        Function that is called with the number of rows of each call.

    Attributes
    ----------
    net : Network or Ensemble
    rows : Rows
        Reader of rows.
    answering : Answering
        Computation of answers.
    batcher : Batcher
        Calls of the model.
    knows_training : bool
        Whether it is known what training saw of the columns.
    fingerprint : str or None
        Hash of everything that decides predictions; None if the model has a function of the user.
    loaded_at : datetime
    """

    def __init__(
        self, model: Any, file: ReadFile | None, settings: Settings, executor: Executor, observe: Any
    ) -> None:
        self.net = network_of(model)
        predictor = self.net._predicting()
        self.inputs, self.file = predictor.inputs, file
        self.fingerprint = _fingerprint_of(self.net)
        self.metadata = self.net.metadata
        self.input_schema: dict[str, Any] = self.net.input_schema()
        n_threads = settings.n_threads or predictor.n_threads
        seen = self.inputs.seen
        self.knows_training = seen is not None and seen.summary is not None
        self.rows = Rows(predictor.inputs)
        self.answering = Answering(predictor.of_encoded().replace(n_threads=n_threads))
        self.loaded_at = datetime.now(UTC)
        self.batcher = Batcher(
            self.answering.compute,
            executor,
            batching=settings.batching,
            most=settings.batch_rows,
            waiting=settings.waiting_rows,
            seconds=settings.timeout,
            observe=observe,
        )
        self.batcher.measure(np.zeros((1, self.inputs.n_columns)))

    def answers(self, rows: Array, margin: Array | None = None) -> Answers:
        """Return the answers for encoded rows, without batching."""
        return self.answering.compute(rows, margin)

    def check(self, rows: list[Any]) -> dict[str, Any]:
        """Return the comparison of rows with those of training, as JSON values.

        Raises
        ------
        ValueError
            If it is not known what training saw, or the rows cannot be compared.
        """
        return checking.check(self.inputs, self.rows.table(rows)).to_dict()


def network_of(model: Any) -> Any:
    """Return the network or the ensemble of a model.

    Raises
    ------
    TypeError
        If the object is not a model of this package.
    NotFittedError
        If it is not fitted.
    """
    net = model if hasattr(model, "_predicting") else getattr(model, "network_", None)
    if hasattr(net, "_predicting"):
        return net
    if hasattr(model, "_read_rows"):
        raise NotFittedError(
            f"This {type(model).__name__} is not fitted yet. Call 'fit' before it is served."
        )
    raise TypeError(
        f"A model must be the path of a file, a Network, an Ensemble or a fitted estimator. Got"
        f" {type(model).__name__} instead."
    )


def _fingerprint_of(net: Any) -> str | None:
    try:
        found: str = net.fingerprint()
    except ValueError:
        return None
    return found


class ReadFile(NamedTuple):
    """Description of a file that was read.

    Attributes
    ----------
    hash : str
        Hash of its content.
    card : dict
        What ``compiled_nn.read_card`` returns.
    """

    hash: str
    card: dict[str, Any]


def read_file(path: str) -> tuple[Any, ReadFile]:
    """Return the model in a file and its description, both of the same content, which is read once and not mapped."""
    from ..files import card
    from ..network.loading import load

    with open(path, "rb") as file:
        content = file.read()
    try:
        return load(content), ReadFile(hashlib.sha256(content).hexdigest(), card.read(content))
    except ValueError as error:
        text = str(error).replace(f"The given content of {len(content)} bytes", path)
        raise ValueError(text) from None


def state_of(path: str) -> tuple[int, ...] | None:
    """Return the times, the size and the place of a file, by which a change is noticed; None without a file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
