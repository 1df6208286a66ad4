"""A network with a step of some seconds, for the tests of time limits and Ctrl-C.

Bounds are seconds of this process, which do not grow when the machine is busy: what they exclude takes longer.
"""

import compiled_nn as cnn
import numpy as np

SOON = 1.5  # seconds; without the checks within a batch, the steps below take longer
# A step over all rows takes four to ten seconds.
BIG = np.random.default_rng(0).normal(size=(60000, 300)).astype("float32")
LABELS = (BIG[:, 0] > 0).astype(int)


def big(**options):
    layers = [cnn.Dense(1500, "relu"), cnn.Dense(1500, "relu"), cnn.Dense(2)]
    return cnn.Network(layers, seed=0, n_threads=1, **options)
