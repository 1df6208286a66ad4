"""Files of networks and checkpoints."""
