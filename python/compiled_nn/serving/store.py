"""Models of a service by name and version, and their replacement when a file has changed."""

from __future__ import annotations

import logging
import os
import re
import threading
import weakref
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..common.errors import did_you_mean
from .documents import shown
from .model import ReadFile, ServedModel, network_of, read_file, state_of
from .request_errors import RequestError
from .settings import Settings

if TYPE_CHECKING:
    from .monitoring import Monitoring

LOG = logging.getLogger("compiled_nn.serving")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
VERSION = "1"  # of a model without versions


class Slot:
    """Place of one version of a model.

    Parameters
    ----------
    name, version : str
        Name and version in addresses.
    path : str or None
        File of the model; None for a model that is not a file.

    Attributes
    ----------
    current : ServedModel or None
        Model that answers; None before it is loaded.
    error : str or None
        Reason why the present file is not the model that answers.
    """

    def __init__(self, name: str, version: str, path: str | None) -> None:
        self.name, self.version, self.path = name, version, path
        self.current: ServedModel | None = None
        self.error: str | None = None
        self.loads = self.failures = 0
        self._state: tuple[int, ...] | None = None

    def set(self, model: ServedModel) -> None:
        """Let this model answer from the next request on."""
        self.current, self.error = model, None
        self.loads += 1

    def has_changed(self) -> bool:
        """Return whether the file is another one than at the last attempt to load it."""
        return self.path is not None and state_of(self.path) != self._state

    def load(self, store: Store) -> None:
        """Load the file.

        Raises
        ------
        OSError, ValueError
            If the file cannot be read, or is not a valid model.
        """
        assert self.path is not None
        self._state = state_of(self.path)  # before the content, so that a later change is noticed
        model, file = read_file(self.path)
        present = None if self.current is None else self.current.file
        if present is None or present.hash != file.hash:
            self.set(store.prepared(self, model, file))
        self.error = None

    def reload(self, store: Store) -> None:
        """Load the file if it has changed; the present model stays if that fails."""
        if self.current is not None and not self.has_changed():
            return
        before, known = self.current, self._state
        try:
            self.load(store)
        except Exception as error:  # the model continues to answer, whatever is wrong with the file
            message = f"{self.path} is not served: {' '.join(str(error).split())}"
            if message != self.error or known != self._state:
                self.failures += 1
                LOG.error("model %s, version %s: %s", self.name, self.version, message)
            self.error = message
        else:
            if self.current is not before:
                LOG.info("model %s, version %s: loaded %s", self.name, self.version, self.path)


class Store:
    """Models of a service.

    Parameters
    ----------
    models : path, model or mapping
        As for :func:`compiled_nn.serving.create_app`.
    settings : Settings
        Settings of the service.
    monitoring : Monitoring
        Metrics of the service.

    Attributes
    ----------
    slots : dict of str to dict of str to Slot
        Slots by name and version; the last version is the one of addresses without a version.
    """

    def __init__(self, models: Any, settings: Settings, monitoring: Monitoring) -> None:
        self.settings, self.monitoring = settings, monitoring
        self.executor = ThreadPoolExecutor(
            max_workers=max(2, os.cpu_count() or 1), thread_name_prefix="compiled_nn-serving"
        )
        self.slots: dict[str, dict[str, Slot]] = {}
        self.closing = False
        self._stopped, self._watched_by = threading.Event(), -1
        for name, version, model in _named(models):
            path = os.fspath(model) if isinstance(model, (str, os.PathLike)) else None
            slot = Slot(name, version, path)
            self.slots.setdefault(name, {})[version] = slot
            if path is None:
                network_of(model)
                slot.set(self.prepared(slot, model, None))
            elif not settings.background:
                slot.load(self)

    def prepared(self, slot: Slot, model: Any, file: ReadFile | None) -> ServedModel:
        """Return a model that is ready to answer."""
        observe = self.monitoring.observer_of_calls(slot.name)
        return ServedModel(model, file, self.settings, self.executor, observe)

    def all(self) -> Iterator[Slot]:
        """Yield all slots."""
        for versions in self.slots.values():
            yield from versions.values()

    def slot(self, name: str, version: str | None = None) -> Slot:
        """Return a slot; without a version, that of the last one.

        Raises
        ------
        RequestError
            If there is none.
        """
        versions = self.slots.get(name)
        if versions is None:
            hint = did_you_mean(name, self.slots)
            known = list(self.slots)
            raise RequestError(
                404, f"No model is named {shown(name)}; there are {', '.join(known)}.{hint}", models=known
            )
        if version is None:
            return next(reversed(versions.values()))
        if version not in versions:
            known = list(versions)
            raise RequestError(
                404,
                f"The model {name} has no version {shown(version)}; there are {', '.join(known)}.",
                versions=known,
            )
        return versions[version]

    def model(self, name: str, version: str | None = None) -> tuple[Slot, ServedModel]:
        """Return a slot and the model that answers.

        Raises
        ------
        RequestError
            If there is none, or it is not loaded yet.
        """
        slot = self.slot(name, version)
        current = slot.current
        if current is None:
            reason = slot.error or "it is being loaded"
            raise RequestError(503, f"The model {name} is not ready: {reason}. Try again later.")
        return slot, current

    def is_ready(self) -> bool:
        """Return whether all models can answer, and the service is not about to end."""
        return not self.closing and all(slot.current is not None for slot in self.all())

    # ---- files that change

    def watch(self) -> None:
        """Start the thread that loads changed files, unless this process has it."""
        if self._watched_by == os.getpid() or self.closing:
            return
        self._watched_by = os.getpid()
        if any(slot.path is not None for slot in self.all()) and (
            self.settings.reload is not None or self.settings.background
        ):
            arguments = (weakref.ref(self), self.settings.reload, self._stopped)
            threading.Thread(target=_watch, args=arguments, name="compiled_nn-reload", daemon=True).start()

    def reload(self) -> None:
        """Load the files that have changed."""
        for slot in self.all():
            if slot.path is not None:
                slot.reload(self)

    def open(self) -> None:
        """Begin to serve, also again after :meth:`close`."""
        if self.closing:
            self.closing, self._stopped, self._watched_by = False, threading.Event(), -1
        self.watch()

    def close(self) -> None:
        """Stop watching the files."""
        self.closing = True
        self._stopped.set()


def _watch(reference: weakref.ref[Store], interval: float | None, stopped: threading.Event) -> None:
    """Load files that have changed, until the store is closed or gone."""
    while True:
        store = reference()
        if store is None:
            return
        store.reload()
        if interval is None:
            return
        del store  # so that it can go while this thread waits
        if stopped.wait(interval):
            return


def _named(models: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield name, version and model of each model.

    Raises
    ------
    ValueError
        If a name cannot be part of an address, or there is no model.
    """
    if not isinstance(models, Mapping):
        models = {_name_of(models): models}
    if not models:
        raise ValueError("There is no model to serve. Pass at least one.")
    for name, model in models.items():
        _check_name("name", name)
        versions = model if isinstance(model, Mapping) else {VERSION: model}
        if not versions:
            raise ValueError(f"The model {name} has no version. Pass at least one.")
        for version, each in versions.items():
            _check_name("version", version)
            yield name, version, each


def _name_of(model: Any) -> str:
    """Return the name of a model without one: that of its file, without the ending."""
    if not isinstance(model, (str, os.PathLike)):
        return "model"
    return os.path.splitext(os.path.basename(os.fspath(model)))[0]


def _check_name(what: str, name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot be the {what} of a model: it must be a text of letters, digits, '.', '_' and '-' that"
            " begins with a letter or a digit. Pass a mapping, such as {'churn': path}."
        )
