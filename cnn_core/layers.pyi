from collections.abc import Callable, Sequence
from typing import Any, Self, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from cnn_core.sparse import SparseRows

ACTIVATIONS: tuple[str, ...]
NORMS: tuple[str, ...]
_Function: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
_Activation: TypeAlias = str | tuple[_Function, _Function]

class Units:
    def __new__(
        cls,
        dtype: DTypeLike,
        factor: ArrayLike | None = None,
        shift: ArrayLike | None = None,
        *,
        as_vector: bool = False,
    ) -> Self: ...

class Layers:
    @property
    def sizes(self) -> tuple[int, ...]: ...
    @property
    def activations(self) -> tuple[_Activation, ...]: ...
    @property
    def biases(self) -> tuple[bool, ...]: ...
    @property
    def norms(self) -> tuple[str | None, ...]: ...
    @property
    def residuals(self) -> tuple[bool, ...]: ...
    @property
    def running(self) -> NDArray[Any]: ...
    @property
    def n_parameters(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def parameters(self) -> NDArray[Any]: ...
    @property
    def clipped(self) -> int: ...
    @property
    def columns(self) -> int: ...
    @property
    def encoding(self) -> tuple[NDArray[Any], ...] | None: ...
    @property
    def precision(self) -> str: ...
    @property
    def ranges(self) -> tuple[tuple[NDArray[Any] | None, ...], tuple[NDArray[Any] | None, ...]] | None: ...
    @property
    def statistics(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None: ...
    def __new__(
        cls,
        sizes: Sequence[int] | Layers,
        activations: Sequence[_Activation] | None = None,
        biases: Sequence[bool] | None = None,
        dtype: DTypeLike = "float32",
        *,
        units_major: bool = True,
        norms: Sequence[str | None] | None = None,
        residuals: Sequence[bool] | None = None,
        precision: str = "float32",
    ) -> Self: ...
    def views(self, flat: NDArray[Any] | None = None) -> list[tuple[NDArray[Any], NDArray[Any] | None]]: ...
    def gains(self, flat: NDArray[Any] | None = None) -> list[NDArray[Any] | None]: ...
    def running_statistics(self) -> list[tuple[NDArray[Any], NDArray[Any]] | None]: ...
    def standardize(self, mean: ArrayLike, deviation: ArrayLike, clipped: int = 0) -> None: ...
    def encode(
        self,
        columns: ArrayLike,
        bins: ArrayLike,
        lower: ArrayLike,
        factor: ArrayLike,
        low: ArrayLike,
        high: ArrayLike,
    ) -> None: ...
    def tabulate(self) -> None: ...
    def set_precision(self, precision: str) -> None: ...
    def quantize(self, low: Sequence[ArrayLike | None], high: Sequence[ArrayLike | None]) -> None: ...
    def adopt(self, memory: object) -> bool: ...
    def forward(
        self,
        X: NDArray[Any] | SparseRows,
        out: NDArray[Any] | None = None,
        *,
        link: bool = True,
        scale: float = 1.0,
        n_threads: int | None = None,
        deadline: float = ...,
    ) -> NDArray[Any]: ...
    def hidden(
        self, X: NDArray[Any] | SparseRows, count: int, *, scale: float = 1.0, n_threads: int | None = None
    ) -> NDArray[Any]: ...
    def try_forward(
        self,
        X: object,
        out: NDArray[Any] | None,
        output: int,
        scale: float,
        n_threads: int | None,
        units: Units | None = None,
        /,
    ) -> NDArray[Any] | None: ...

@final
class MeanOfLayers:
    def __new__(cls, layers: Sequence[Layers], weights: Sequence[float]) -> Self: ...
    @staticmethod
    def fits(layers: Sequence[Layers]) -> bool: ...
    def try_forward(
        self,
        X: object,
        out: NDArray[Any] | None,
        output: int,
        scale: float,
        n_threads: int | None,
        units: Units | None = None,
        /,
    ) -> NDArray[Any] | None: ...
    def try_logits(
        self, X: object, out: NDArray[Any] | None, output: int, scale: float, n_threads: int | None, /
    ) -> tuple[NDArray[Any], NDArray[np.float64]] | None: ...
