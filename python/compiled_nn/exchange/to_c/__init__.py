"""Export to C: plan of the arithmetic, its emulation in NumPy, source text, and the C compiler that verifies it."""
