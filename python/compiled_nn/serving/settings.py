"""Settings of a service, checked."""

from __future__ import annotations

from dataclasses import dataclass

from ..common import checks

_OWNER = "create_app"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a service; documented in :func:`compiled_nn.serving.create_app`."""

    batching: bool = True
    reload: float | None = 1.0
    max_rows: int = 10_000
    max_bytes: int = 16 << 20
    batch_rows: int = 1024
    waiting_rows: int = 20_000
    timeout: float = 30.0
    n_threads: int | None = None
    background: bool = False

    def __post_init__(self) -> None:
        for name in ("batching", "background"):
            checks.flag(_OWNER, name, getattr(self, name))
        for name in ("max_rows", "max_bytes", "batch_rows", "waiting_rows"):
            checks.integer(_OWNER, name, getattr(self, name), minimum=1)
        checks.optional_integer(_OWNER, "n_threads", self.n_threads, minimum=1)
        checks.real(_OWNER, "timeout", self.timeout, above=0)
        if self.reload is not None:
            checks.real(_OWNER, "reload", self.reload, above=0)
