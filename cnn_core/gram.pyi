from typing import Any

from numpy.typing import NDArray

from cnn_core.stack import Stack

class GramStack(Stack):
    @property
    def gram(self) -> NDArray[Any]: ...
    def write_back(self) -> None: ...

def make_gram_stack(
    home: Stack,
    X: NDArray[Any],
    *,
    scale: float = 1.0,
    n_threads: int | None = None,
    deadline: float = ...,
) -> GramStack: ...
