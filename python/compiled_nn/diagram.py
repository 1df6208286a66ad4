"""Alias of :mod:`compiled_nn.display.diagram`."""

from .display.diagram import network_diagram as network_diagram
