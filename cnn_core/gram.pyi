from typing import Any

from numpy.typing import NDArray

from cnn_core.stack import Stack

class Span(Stack):
    @property
    def gram(self) -> NDArray[Any]: ...
    def fold(self) -> None: ...

def enter(home: Stack, X: NDArray[Any], *, scale: float = 1.0, n_threads: int | None = None) -> Span: ...
