"""
Diagram of a large network
==========================

A diagram needs only the sizes of the layers, not a network. In a layer with many units, some are drawn, and dots stand
for the others.
"""

from compiled_nn.diagram import network_diagram

network_diagram(
    [784, 128, 64, 10],
    activations=["relu", "relu", "softmax"],
    layer_names=["image", "hidden 1", "hidden 2", "digit"],
)
