"""Predictor of a network (inputs, folded layers, outputs), and the parts that it is derived from, which files store."""
