"""PyTorch: :class:`Module`, a network inside the autograd of PyTorch, whose parameters share its memory."""

from ..common import optional

optional.load("torch", purpose="compiled_nn.torch", library="PyTorch", extra="torch")

from .module import Module  # noqa: E402  the error above names the extra

__all__ = ["Module"]
