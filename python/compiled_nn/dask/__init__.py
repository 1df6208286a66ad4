"""Dask: training and prediction on the workers of ``dask.distributed``."""

from ..common import optional

optional.load("distributed", purpose="compiled_nn.dask", library="Dask", extra="dask")
