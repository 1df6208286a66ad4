"""What users pass in: arrays, tables and sparse matrices, checked and converted for the core."""
