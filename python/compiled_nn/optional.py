"""Alias of :mod:`compiled_nn.common.optional`."""

from .common.optional import load as load
