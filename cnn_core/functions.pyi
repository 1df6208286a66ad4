from typing import Any

from numpy.typing import NDArray

def matmul(
    A: NDArray[Any], B: NDArray[Any], out: NDArray[Any] | None = None, *, n_threads: int | None = None
) -> NDArray[Any]: ...
def activate(name: str, Z: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]: ...
def derive(
    name: str, A: NDArray[Any], dA: NDArray[Any], out: NDArray[Any] | None = None
) -> NDArray[Any]: ...
