"""Alias of :mod:`compiled_nn.uncertainty.calibration`."""

from .uncertainty.calibration import Calibration as Calibration
from .uncertainty.calibration import fit_temperature as fit_temperature
