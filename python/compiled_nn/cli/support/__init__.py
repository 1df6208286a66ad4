"""Code that the commands share: options and their values, data, training, output."""
