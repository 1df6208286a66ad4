"""Training: the plan of a call of fit, its batches and loop, and the trainer that calls the core."""
