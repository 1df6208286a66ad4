"""
Activations
===========

Six activations (solid) and their derivatives (dashed). The derivative of the sigmoid is at most 0.25, and nearly 0
far from the middle, so that networks with many layers of sigmoids are trained slowly. The derivatives of relu and
similar functions are about 1 for all large inputs.
"""

import matplotlib.pyplot as plt

from compiled_nn.plotting import ActivationDisplay

fig, axes = plt.subplots(2, 3, figsize=(9.5, 5.6), layout="constrained")
for ax, name in zip(
    axes.flat,
    ("sigmoid", "tanh", "relu", "elu", "silu", "gelu"),
    strict=True,
):
    ActivationDisplay.from_name(name, limit=4, ax=ax)
