"""A network as a module of PyTorch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

# It is torch.compiler.disable, but imports the compiler at the first call:
from torch._compile import _disable_dynamo
from torch.autograd.graph import increment_version

from ..network import Network
from ..spec.layers import Dense
from .function import Pass
from .shared import Shared, refuse

if TYPE_CHECKING:
    from cnn_core.stack import Tape

    from ..spec.activations import ActivationName
    from ..spec.configuration import DType


class Module(Shared):
    """Network as a module of PyTorch: its core computes the forward and the backward pass, on the CPU.

    The parameters are tensors in the memory of the network, so that nothing is copied: a change by an optimizer of
    PyTorch, by :meth:`step`, by ``load_state_dict`` or by the network is a change of both. Autograd, losses, hooks and
    optimizers of PyTorch work as with any module.

    The outputs are those of :meth:`compiled_nn.Network.forward`: logits for classes, without softmax or sigmoid, and
    values in units of y.

    Parameters
    ----------
    network : Network, or sequence of int
        Network, whose memory is shared; or sizes: the number of inputs, then the units of each layer. The parameters
        below that are not given then have their defaults, and the loss of the network is "mse".
    n_inputs : int, optional
        Number of columns of X, for a network without weights, which then draws its initial weights.
    parameters : {"flat", "layers"}, default "flat"
        "flat": one parameter ``flat``, a vector of all weights with some padding, which is always 0. Optimizers are
        then fastest, and ``layers[i].weight`` are views of it. "layers": one parameter for each array, named
        ``layers.0.weight`` and so on. With both, ``state_dict`` has the arrays by these names, weights in the shape
        (units, inputs).
    activation : str, default "relu"
        Activation of the hidden layers, for sizes.
    dtype : {"float32", "float64"}, default "float32"
        Dtype of the weights and of the arithmetic, for sizes.
    seed : int, optional
        Seed of the initial weights, for sizes.

    Attributes
    ----------
    network : Network
        Network that shares its memory with this module. It predicts with the present weights, can be saved and
        trained.
    layers : sequence
        Tensors `weight`, `bias` and, for normalised layers, `norm.gain`, `norm.mean` and `norm.variance` of each layer,
        in the memory of the network.

    Raises
    ------
    TypeError, ValueError
        If an argument cannot be used, or the network takes tables: encode the columns first.

    See Also
    --------
    compiled_nn.Network.forward : Training loops without PyTorch.
    compiled_nn.Network.to_torch : Module of PyTorch's layers with copies of the weights.

    Notes
    -----
    Dropout and batch normalisation depend on ``train()`` and ``eval()``. Dropped units follow from the generator of
    PyTorch (``torch.manual_seed``). Second derivatives are not computed: PyTorch raises an error. With
    ``torch.compile``, the module is a break of the graph; ``torch.jit.trace`` is refused. A calibration of the network
    is discarded when a module is made, and before its weights are trained. With `ema`, the network predicts with the
    average, which only steps of the network and of the module continue. With parameters="layers", the fused
    optimizers of PyTorch are refused, because they take the memory of each parameter for contiguous.

    Examples
    --------
    >>> import torch
    >>> from compiled_nn.torch import Module
    >>> module = Module((2, 16, 1), activation="tanh", seed=0)
    >>> optimizer = torch.optim.Adam(module.parameters(), 0.01)
    >>> generator = torch.Generator().manual_seed(0)
    >>> X = torch.rand(64, 2, generator=generator)
    >>> y = X.prod(dim=1, keepdim=True)
    >>> for _ in range(200):
    ...     optimizer.zero_grad()
    ...     loss = torch.nn.functional.mse_loss(module(X), y)
    ...     loss.backward()
    ...     optimizer.step()
    >>> round(module.network.score(X.numpy(), y.numpy()), 1)
    0.9
    """

    def __init__(
        self,
        network: Network | Sequence[int],
        n_inputs: int | None = None,
        *,
        parameters: Literal["flat", "layers"] = "flat",
        activation: ActivationName | None = None,
        dtype: DType | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        if parameters not in ("flat", "layers"):
            raise ValueError(f"parameters is {parameters!r}; it must be 'flat' or 'layers'.")
        given = {"activation": activation, "dtype": dtype, "seed": seed}
        if not isinstance(network, Network):
            network, n_inputs = _of_sizes(network, n_inputs, given)
        elif any(value is not None for value in given.values()):
            names = ", ".join(name for name, value in given.items() if value is not None)
            raise TypeError(f"{names} is for a module of sizes; a Network has its own.")
        if parameters == "flat" and any(layer.rate_factor == 0 for layer in network.layers):
            raise ValueError(
                "Some layers of the network are not trainable, but parameters='flat' is one parameter. Pass"
                " parameters='layers', in which those layers have requires_grad=False."
            )
        self._set(_with_weights(network, n_inputs), parameters == "flat")

    # ---- passes

    @_disable_dynamo
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return the outputs (..., n_outputs) for rows X (..., k) of any real dtype."""
        if torch.jit.is_tracing():  # the graph would have none of the arithmetic
            raise RuntimeError(
                "torch.jit.trace, and exports that use it, cannot record what the core of compiled_nn.torch.Module"
                " computes. Use to_onnx() or to_torch() of its network."
            )
        stack = self._synchronize()
        _check_rows(X, stack.columns)
        shape = X.shape
        if X.is_floating_point() and X.dtype.itemsize < 4:  # bfloat16 and others that NumPy does not have
            X = X.to(torch.float32)
        X = X.resolve_neg()
        if len(shape) != 2:
            X = X.reshape(-1, shape[-1])
        if torch.is_grad_enabled() and (X.requires_grad or any(p.requires_grad for p in self._weights)):
            self.network._discard_calibration()
            out = Pass.apply(self, X, *self._weights)
        elif len(X) == 0 or (self.training and self._varies):
            out, _ = self._record(X)
        else:
            out = torch.empty(len(X), stack.sizes[-1], dtype=self._dtype)
            c = self.network._configuration
            stack.forward(
                X.detach().numpy(),
                out.numpy(),
                link=c.activated,
                scale=c.scale,
                n_threads=self.network.n_threads,
            )
        scaling = self.network._scaling_of_outputs()
        if scaling is not None:
            factor, shift = (torch.from_numpy(array).to(out.dtype) for array in scaling)
            out = out * factor + shift
        return out if len(shape) == 2 else out.reshape(*shape[:-1], out.shape[-1])

    @property
    def _varies(self) -> bool:
        """Whether the outputs in training differ from those in evaluation."""
        c = self.network._configuration
        return c.has_batch_norm or any(c.dropout)

    def _record(self, X: torch.Tensor) -> tuple[torch.Tensor, Tape | None]:
        """Return the outputs and the tape of a forward pass; for no rows, no tape."""
        stack, c = self.network._fitted(), self.network._configuration
        out = torch.empty(len(X), stack.sizes[-1], dtype=self._dtype)
        if len(X) == 0:
            return out, None
        number = None
        if self.training and any(c.dropout):
            number = int(torch.randint(1 << 62, ()))
        _, tape = stack.record(
            X.detach().numpy(),
            out.numpy(),
            training=self.training,
            activated=c.activated,
            scale=c.scale,
            n_threads=self.network.n_threads,
            number=number,
        )
        return out, tape

    def _play_back(
        self, tape: Tape | None, d_out: torch.Tensor, *, parameters: bool, rows: bool
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Return the gradients of all parameters, as a vector, and of the rows."""
        stack = self.network._fitted()
        if tape is not None and tape.stack is not stack:
            raise RuntimeError(
                "The network has been fitted since the forward pass, so the gradients would be those of other weights."
                " Compute the outputs again."
            )
        flat = self._memory.vector(self._size, stack.dtype) if parameters else None
        of_rows = torch.empty(len(d_out), stack.columns, dtype=self._dtype) if rows else None
        if tape is None:
            return None if flat is None else flat.zero_(), of_rows
        stack.backward(
            tape,
            d_out.contiguous().numpy(),
            None if flat is None else flat.numpy(),
            None if of_rows is None else of_rows.numpy(),
            parameters=parameters,
            n_threads=self.network.n_threads,
        )
        return flat, of_rows

    def _split(self, flat: torch.Tensor | None, wanted: list[bool]) -> list[torch.Tensor | None]:
        """Return the gradient of each parameter from that of all of them."""
        if flat is None:
            return [None] * len(wanted)
        if self._is_flat:
            return [flat]
        return [place.view(flat) if want else None for place, want in zip(self._trained, wanted, strict=True)]

    def step(self, *, penalty: bool = True) -> None:
        """Take one step of the optimizer of the network with the gradients in ``grad``.

        It takes the place of the step of an optimizer of PyTorch, with what :meth:`compiled_nn.Network.step` describes.
        A parameter without ``grad`` has the gradient 0.

        Parameters
        ----------
        penalty : bool, default True
            Whether to add the gradient of the penalty `l1` and `l2` of the network.

        Raises
        ------
        RuntimeError
            If no parameter has a gradient.
        ValueError
            If a gradient is not finite, or the optimizer of the network is :class:`~compiled_nn.LBFGS`. The network is
            then unchanged.
        """
        self._synchronize()
        gradients = [parameter.grad for parameter in self._weights]
        if all(gradient is None for gradient in gradients):
            raise RuntimeError("no parameter has a gradient: call backward() of the loss before step()")
        flat = gradients[0]
        if not self._is_flat:
            flat = torch.zeros(self._size, dtype=self._dtype)
            for part, gradient in zip(self._tensors(flat), gradients, strict=True):
                if gradient is not None:
                    part.copy_(gradient.detach())
        assert flat is not None
        flat = flat.detach()
        # The sum is finite only if every number is, and needs one pass over the memory.
        is_finite = math.isfinite(flat.sum().item())
        self.network._step_with(np.ascontiguousarray(flat.numpy()), penalty=penalty, is_finite=is_finite)
        increment_version(self._weights)

    def extra_repr(self) -> str:
        """Return the sizes and activations, for ``repr``."""
        sizes = "-".join(map(str, self.network._fitted().sizes))
        return (
            f"{sizes}, {', '.join(map(str, self.network.activations))}, {self.network._configuration.dtype}"
        )


def _check_rows(X: Any, columns: int) -> None:
    if not isinstance(X, torch.Tensor):
        raise TypeError(f"X must be a tensor. Got {type(X).__name__} instead.")
    if X.device.type != "cpu":
        refuse(f"an X on the device {X.device}")
    if X.layout is not torch.strided or X.is_complex() or X.is_quantized:
        raise TypeError(f"X is a tensor of {X.dtype} and the layout {X.layout}; it must be dense and real.")
    if X.dim() == 0 or X.shape[-1] != columns:
        raise ValueError(f"X has the shape {tuple(X.shape)}; the network takes (..., {columns}).")


def _of_sizes(sizes: Any, n_inputs: int | None, given: dict[str, Any]) -> tuple[Network, int]:
    """Return a network of these sizes, and the number of its inputs."""
    if n_inputs is not None:
        raise TypeError("n_inputs is for a Network; sizes begin with the number of inputs.")
    if not isinstance(sizes, Sequence) or isinstance(sizes, str) or len(sizes) < 2:
        raise TypeError(f"network must be a Network, or at least two sizes. Got {sizes!r} instead.")
    first, *units = sizes
    hidden = [Dense(n, given["activation"] or "relu") for n in units[:-1]]
    return Network(
        [*hidden, Dense(units[-1])], loss="mse", dtype=given["dtype"] or "float32", seed=given["seed"]
    ), first


def _with_weights(network: Network, n_inputs: int | None) -> Network:
    """Return the network after drawing its weights if it has none, if a module can take it."""
    c = network._configuration
    if c.categorical_features is not None or (network._inputs is not None and network._inputs.encoder):
        raise ValueError(
            "The network takes tables with categories; a module takes tensors of numbers. Create it without"
            " categorical_features, for columns that are encoded."
        )
    if network._trainer is None:
        if n_inputs is None:
            raise ValueError("The network has no weights yet: pass n_inputs, the number of columns of X.")
        if c.standardize or c.numeric_embeddings is not None or c.scale_targets:
            raise ValueError(
                "The network needs rows for its statistics (standardize, numeric_embeddings, scale_targets). Call"
                " fit(X, y, epochs=0) before the module is made."
            )
        network.forward(np.zeros((1, n_inputs)))
    elif n_inputs not in (None, network.n_features_):
        raise ValueError(f"n_inputs is {n_inputs}; the network takes {network.n_features_} columns.")
    return network
