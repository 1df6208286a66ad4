"""Data sets: bundled digits, loaders for known data sets on this machine, and readers for files and objects.

Nothing is downloaded, and nothing is unpickled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .bundled import load_beans, load_catvnoncat, load_digits, load_fashion_mnist, load_mnist, xor
    from .churn import write_churn
    from .csv import read_csv
    from .dataset import Dataset
    from .hdf5 import read_hdf5
    from .hugging_face import from_hugging_face
    from .idx_npz import read_idx, read_npz
    from .images import read_image_folder
    from .parquet import ParquetBatches
    from .splits import only_classes, relabel, train_test_split, train_validation_test_split
    from .tables import Table, iter_table, read_table

__all__ = [
    "Dataset",
    "ParquetBatches",
    "Table",
    "from_hugging_face",
    "iter_table",
    "load_beans",
    "load_catvnoncat",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "only_classes",
    "read_csv",
    "read_hdf5",
    "read_idx",
    "read_image_folder",
    "read_npz",
    "read_table",
    "relabel",
    "train_test_split",
    "train_validation_test_split",
    "write_churn",
    "xor",
]

_BUNDLED = ("load_beans", "load_catvnoncat", "load_digits", "load_fashion_mnist", "load_mnist", "xor")
_SPLITS = ("only_classes", "relabel", "train_test_split", "train_validation_test_split")

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        **dict.fromkeys(_BUNDLED, "bundled"),
        **dict.fromkeys(_SPLITS, "splits"),
        "Dataset": "dataset",
        **dict.fromkeys(("Table", "iter_table", "read_table"), "tables"),
        "ParquetBatches": "parquet",
        "from_hugging_face": "hugging_face",
        "read_csv": "csv",
        "write_churn": "churn",
        "read_hdf5": "hdf5",
        "read_idx": "idx_npz",
        "read_image_folder": "images",
        "read_npz": "idx_npz",
    },
)
