"""Alias: Parquet files as batches are in :mod:`compiled_nn.datasets`."""

from .datasets.parquet import ParquetBatches as ParquetBatches
