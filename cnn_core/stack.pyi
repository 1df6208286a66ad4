from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Self, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from cnn_core.layers import ACTIVATIONS as ACTIVATIONS
from cnn_core.layers import Layers, _Activation
from cnn_core.sparse import SparseRows

_Loss: TypeAlias = str | tuple[str, Mapping[str, Any]] | Callable[[NDArray[Any], NDArray[Any]], Any]

LOSSES: tuple[str, ...]
LOSS_PARAMETERS: dict[str, dict[str, Any]]
OPTIMIZERS: tuple[str, ...]

class Objective:
    @property
    def loss(self) -> _Loss: ...
    @property
    def l1(self) -> float: ...
    @property
    def l2(self) -> float: ...
    @property
    def scale(self) -> float: ...
    @property
    def n_threads(self) -> int | None: ...
    @property
    def penalty_per_row(self) -> bool: ...
    @property
    def weights(self) -> Any: ...
    @property
    def activated(self) -> bool: ...
    def __new__(
        cls,
        loss: _Loss,
        *,
        l1: float = 0.0,
        l2: float = 0.0,
        scale: float = 1.0,
        n_threads: int | None = None,
        penalty_per_row: bool = False,
        weights: ArrayLike | None = None,
        activated: bool = False,
    ) -> Self: ...
    def replace(self, **changes: Any) -> Objective: ...

@final
class Tape:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    @property
    def stack(self) -> Stack: ...
    @property
    def rows(self) -> int: ...
    @property
    def is_valid(self) -> bool: ...

class Stack(Layers):
    steps: int
    @property
    def changes(self) -> int: ...
    @property
    def gradients(self) -> NDArray[Any]: ...
    @property
    def moments(self) -> tuple[NDArray[Any], ...]: ...
    @property
    def optimizer(self) -> str | None: ...
    def __new__(
        cls,
        sizes: Sequence[int],
        activations: Sequence[_Activation],
        biases: Sequence[bool] | None = None,
        dtype: DTypeLike = "float32",
        *,
        units_major: bool = True,
        norms: Sequence[str | None] | None = None,
        residuals: Sequence[bool] | None = None,
        precision: str = "float32",
        memory: tuple[object, object] | None = None,
    ) -> Self: ...
    @property
    def dropout(self) -> list[float]: ...
    @property
    def dropout_key(self) -> int: ...
    def present(self, *, averaged: bool = False) -> Stack: ...
    def copy(self, *, moments: bool = True) -> Stack: ...
    def changing(self) -> AbstractContextManager[None]: ...
    def clear_padding(self) -> None: ...
    def fix_memory(self) -> None: ...
    def set_dropout(self, rates: Sequence[float], key: int) -> None: ...
    @property
    def average(self) -> NDArray[Any] | None: ...
    @property
    def gradient_norms(self) -> NDArray[np.float64] | None: ...
    def set_optimizer(self, name: str, **hyper: float) -> None: ...
    def set_update(
        self,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        ema: float | None = None,
        factors: Sequence[float] | None = None,
        proximal: bool | None = None,
    ) -> None: ...
    def set_mask(self, mask: NDArray[np.bool_], frozen: NDArray[Any]) -> None: ...
    def loss(
        self,
        X: NDArray[Any] | SparseRows,
        y: NDArray[Any],
        objective: Objective,
        *,
        training: bool = False,
        deadline: float = ...,
    ) -> tuple[float, float]: ...
    def gradient(
        self,
        X: NDArray[Any] | SparseRows,
        y: NDArray[Any],
        objective: Objective,
        *,
        training: bool = False,
        deadline: float = ...,
        number: int | None = None,
    ) -> tuple[float, float]: ...
    def input_gradient(
        self,
        X: NDArray[Any] | SparseRows,
        Y: NDArray[Any],
        out: NDArray[Any] | None = None,
        *,
        link: bool = True,
        scale: float = 1.0,
        n_threads: int | None = None,
    ) -> NDArray[Any]: ...
    def record(
        self,
        X: NDArray[Any] | SparseRows,
        out: NDArray[Any] | None = None,
        *,
        training: bool = False,
        activated: bool = False,
        scale: float = 1.0,
        n_threads: int | None = None,
        number: int | None = None,
    ) -> tuple[NDArray[Any], Tape]: ...
    def backward(
        self,
        tape: Tape,
        d: NDArray[Any],
        gradients: NDArray[Any] | None = None,
        of_rows: NDArray[Any] | None = None,
        *,
        parameters: bool = True,
        rows: bool = False,
        n_threads: int | None = None,
    ) -> tuple[Any, Any]: ...
    def step_by(self, gradients: NDArray[Any], rate: float, objective: Objective) -> None: ...
    def train(
        self,
        X: NDArray[Any] | SparseRows,
        y: NDArray[Any],
        objective: Objective,
        order: NDArray[np.int64] | None,
        rates: NDArray[np.float64],
        *,
        batch_size: int,
    ) -> tuple[float, float]: ...
    def train_epochs(
        self,
        X: NDArray[Any] | SparseRows,
        y: NDArray[Any],
        objective: Objective,
        order: NDArray[np.int64] | None,
        rates: NDArray[np.float64],
        *,
        epochs: int,
        batch_size: int,
        deadline: float = ...,
        on_step: Callable[[int, float], object] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...

def train_together(
    stacks: Sequence[Stack],
    X: NDArray[Any] | SparseRows,
    y: NDArray[Any],
    objectives: Sequence[Objective],
    order: NDArray[np.int64] | None,
    rates: ArrayLike,
    *,
    batch_size: int,
    epochs: int = 1,
    deadline: float = ...,
    n_threads: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...

class SharedWeights:
    def __init__(self, stacks: Sequence[Stack], first: ArrayLike) -> None: ...
    @property
    def weights(self) -> NDArray[Any]: ...
    def factors(self) -> list[list[tuple[NDArray[Any], NDArray[Any]]]]: ...
    def train(
        self,
        X: NDArray[Any] | SparseRows,
        y: NDArray[Any],
        objectives: Sequence[Objective],
        order: NDArray[np.int64] | None,
        rates: ArrayLike,
        *,
        batch_size: int,
        epochs: int = 1,
        deadline: float = ...,
        n_threads: int | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...

def loss_together(
    stacks: Sequence[Stack],
    X: NDArray[Any] | SparseRows,
    y: NDArray[Any],
    objectives: Sequence[Objective],
    orders: Sequence[NDArray[np.int64] | None],
    *,
    deadline: float = ...,
    n_threads: int | None = None,
) -> NDArray[np.float64]: ...
