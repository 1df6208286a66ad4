"""Alias of :mod:`compiled_nn.uncertainty.conformal`."""

from .uncertainty.conformal import absolute as absolute
from .uncertainty.conformal import cqr as cqr
from .uncertainty.conformal import lac as lac
from .uncertainty.conformal import threshold as threshold
