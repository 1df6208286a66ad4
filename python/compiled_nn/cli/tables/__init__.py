"""Data of a command: columns, rows that were held out, and files of predictions."""
