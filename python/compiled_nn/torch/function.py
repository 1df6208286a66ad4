"""Forward and backward pass of a module as a function of autograd."""

from __future__ import annotations

from typing import Any, NoReturn

import torch


class Pass(torch.autograd.Function):
    """Outputs of a module for rows X, with its parameters as further inputs."""

    @staticmethod
    def forward(ctx: Any, module: Any, X: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        out, tape = module._record(X)
        ctx.module, ctx.tape = module, tape
        ctx.save_for_backward(X, *weights)  # backward then finds changes in place
        ctx.versions = [(each, each._version) for each in (X, *weights) if not each.is_inference()]
        return out

    @staticmethod
    def backward(ctx: Any, d_out: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        X, *weights = ctx.saved_tensors  # raises the error of PyTorch after a change in place
        _, wants_rows, *wanted = ctx.needs_input_grad
        # Hooks of saved tensors, such as save_on_cpu, return copies without this error, but the tape has none.
        if any(each._version != version for each, version in ctx.versions):
            raise RuntimeError(
                "X or a parameter has been changed in place since the forward pass, so the gradients would be wrong."
                " Call backward before the change, or compute the outputs again."
            )
        with torch.no_grad():
            flat, of_rows = ctx.module._play_back(ctx.tape, d_out, parameters=any(wanted), rows=wants_rows)
            gradients = ctx.module._split(flat, wanted)
            if of_rows is not None:
                of_rows = of_rows.to(X.dtype)
        if torch.is_grad_enabled():  # create_graph=True
            of_rows, *gradients = (
                None if gradient is None else FirstDerivative.apply(gradient, d_out, X, *weights)
                for gradient in (of_rows, *gradients)
            )
        if not torch._C._autograd._get_current_graph_task_keep_graph():
            ctx.tape = ctx.versions = None  # a loss that is kept after backward does not keep the tape
        return (None, of_rows, *gradients)


class FirstDerivative(torch.autograd.Function):
    """A gradient in the graph, whose own derivatives are refused instead of left out."""

    @staticmethod
    def forward(ctx: Any, gradient: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, *_: torch.Tensor) -> NoReturn:
        raise RuntimeError(
            "compiled_nn.torch.Module has no second derivatives: a loss cannot depend on gradients of its outputs. Use"
            " differences of outputs, or nn.Sequential for this network."
        )
