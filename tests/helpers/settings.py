"""Settings of the process that examples change."""

import contextlib
import sys

import compiled_nn as cnn
import numpy as np
from compiled_nn.spec import activations

from cnn_core.threads import chosen_num_threads


@contextlib.contextmanager
def restored_settings():
    """Restore the number of threads, registered activations and NumPy's print options; close the figures of pyplot."""
    n_threads, registered = chosen_num_threads(), dict(activations._registered)
    try:
        with np.printoptions():
            yield
    finally:
        cnn.set_num_threads(n_threads)
        activations._registered.clear()
        activations._registered.update(registered)
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
