"""What answers: inputs, layers and outputs of a network, and the parts that they are derived from and stored as."""
