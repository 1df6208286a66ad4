"""What a network is specified to be: layers, activations, initial weights, and the configuration of all of it."""
