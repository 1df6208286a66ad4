from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

ACTIVATIONS: tuple[str, ...]
LOSSES: tuple[str, ...]
OPTIMIZERS: tuple[str, ...]

class Stack:
    steps: int
    @property
    def sizes(self) -> tuple[int, ...]: ...
    @property
    def activations(self) -> tuple[str, ...]: ...
    @property
    def biases(self) -> tuple[bool, ...]: ...
    @property
    def n_parameters(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def parameters(self) -> NDArray[Any]: ...
    @property
    def gradients(self) -> NDArray[Any]: ...
    @property
    def moments(self) -> tuple[NDArray[Any], ...]: ...
    @property
    def optimizer(self) -> str | None: ...
    def __init__(
        self,
        sizes: Sequence[int],
        activations: Sequence[str],
        biases: Sequence[bool] | None = None,
        dtype: DTypeLike = "float32",
    ) -> None: ...
    def views(
        self, flat: NDArray[Any] | None = None
    ) -> list[tuple[NDArray[Any], NDArray[Any] | None]]: ...
    def set_optimizer(self, name: str, **hyper: float) -> None: ...
    def forward(
        self,
        X: NDArray[Any],
        out: NDArray[Any] | None = None,
        *,
        link: bool = True,
        scale: float = 1.0,
        n_threads: int | None = None,
    ) -> NDArray[Any]: ...
    def loss(
        self,
        X: NDArray[Any],
        y: NDArray[Any],
        loss: str,
        *,
        l1: float = 0.0,
        l2: float = 0.0,
        scale: float = 1.0,
        n_threads: int | None = None,
    ) -> tuple[float, float]: ...
    def gradient(
        self,
        X: NDArray[Any],
        y: NDArray[Any],
        loss: str,
        *,
        l1: float = 0.0,
        l2: float = 0.0,
        scale: float = 1.0,
        n_threads: int | None = None,
    ) -> tuple[float, float]: ...
    def train(
        self,
        X: NDArray[Any],
        y: NDArray[Any],
        loss: str,
        order: NDArray[np.int64] | None,
        rates: NDArray[np.float64],
        *,
        batch_size: int,
        l1: float = 0.0,
        l2: float = 0.0,
        scale: float = 1.0,
        n_threads: int | None = None,
    ) -> tuple[float, float]: ...
