"""Conversion of user input for the core: arrays, tables and sparse matrices, with checks."""
