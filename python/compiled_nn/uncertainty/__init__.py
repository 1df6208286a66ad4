"""Uncertainty of predictions: calibrated probabilities, prediction intervals and prediction sets."""
