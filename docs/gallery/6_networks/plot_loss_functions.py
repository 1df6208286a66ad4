"""
Losses
======

The cross-entropy grows without limit as the probability of the true class goes to 0, so that one confident mistake
costs more than many uncertain mistakes. The squared error, at the right, is four times as large for twice the error.
"""

import matplotlib.pyplot as plt

from compiled_nn.plotting import LossFunctionDisplay

fig, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for ax, name in zip(
    axes,
    ("binary_cross_entropy", "softmax_cross_entropy", "mse"),
    strict=True,
):
    LossFunctionDisplay.from_name(name, ax=ax)
