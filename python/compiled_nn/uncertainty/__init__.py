"""How certain predictions are: calibrated probabilities, intervals and sets."""
