"""Files of networks, with or without the state of training."""
