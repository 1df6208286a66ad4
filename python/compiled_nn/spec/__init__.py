"""Specification of a network: layers, activations, initial weights, and the configuration that contains them."""
