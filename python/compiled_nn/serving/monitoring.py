"""Metrics of a service for Prometheus.

Each application has its own registry, so that several can be mounted in one program. Where the variable
PROMETHEUS_MULTIPROC_DIR is set, as ``compiled-nn serve --workers`` does, counts are added up over all workers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..common import optional

_SECONDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 10_000)


def load(module: str) -> Any:
    """Return a module of the library of Prometheus."""
    return optional.load(module, purpose="a service", library="prometheus_client", extra="serve")


class Monitoring:
    """Metrics of a service."""

    def __init__(self) -> None:
        client = load("prometheus_client")
        self._client = client
        self._registry = client.CollectorRegistry()
        self._slots: Callable[[], Iterable[Any]] = tuple
        self._requests = client.Counter(
            "compiled_nn_requests",
            "Requests by route, model and status.",
            ("route", "model", "status"),
            registry=self._registry,
        )
        self._seconds = client.Histogram(
            "compiled_nn_request_seconds",
            "Time from the first line of a request to its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._rows = client.Counter(
            "compiled_nn_rows", "Rows that were answered.", ("model",), registry=self._registry
        )
        self._calls = client.Histogram(
            "compiled_nn_call_rows",
            "Rows of each call of a model: of one request, or of several that were computed together.",
            ("model",),
            buckets=_ROWS,
            registry=self._registry,
        )
        self._known: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def observe(self, route: str, model: str, status: int, seconds: float, rows: int) -> None:
        """Count a request."""
        key = route, model, status
        children = self._known.get(key)
        if children is None:
            labels = self._requests.labels(route, model, str(status)), self._seconds.labels(route)
            children = self._known[key] = labels
        children[0].inc()
        children[1].observe(seconds)
        if rows:
            self._rows.labels(model).inc(rows)

    def observer_of_calls(self, model: str) -> Any:
        """Return the function that counts the rows of a call of a model."""
        return self._calls.labels(model).observe

    def watch(self, slots: Callable[[], Iterable[Any]]) -> None:
        """Add models to the metrics: those in the slots that a function returns."""
        self._slots = slots
        self._registry.register(self)

    def collect(self) -> Iterator[Any]:
        """Yield the metrics about the models; called by the registry."""
        core = load("prometheus_client.core")
        names = ("model", "version")
        info = core.GaugeMetricFamily(
            "compiled_nn_model_info",
            "Model that answers, by its fingerprint.",
            labels=(*names, "fingerprint"),
        )
        loaded = core.GaugeMetricFamily(
            "compiled_nn_model_loaded_timestamp_seconds", "Time at which the model was loaded.", labels=names
        )
        failed = core.GaugeMetricFamily(
            "compiled_nn_model_failed", "1 if the present file of the model cannot be loaded.", labels=names
        )
        loads = core.CounterMetricFamily("compiled_nn_model_loads", "Models that were loaded.", labels=names)
        failures = core.CounterMetricFamily(
            "compiled_nn_model_load_failures", "Files that could not be loaded.", labels=names
        )
        for slot in self._slots():
            place, current = (slot.name, slot.version), slot.current
            if current is not None:
                info.add_metric((*place, current.fingerprint or ""), 1)
                loaded.add_metric(place, current.loaded_at.timestamp())
            failed.add_metric(place, float(slot.error is not None))
            loads.add_metric(place, slot.loads)
            failures.add_metric(place, slot.failures)
        yield from (info, loaded, failed, loads, failures)

    def describe(self) -> list[Any]:
        """Return no metrics: their names are known once there are models."""
        return []

    def page(self) -> tuple[bytes, str]:
        """Return the page of the metrics, and its media type."""
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = self._client.CollectorRegistry()
            load("prometheus_client.multiprocess").MultiProcessCollector(registry)
            registry.register(self)
        return self._client.generate_latest(registry), self._client.CONTENT_TYPE_LATEST
