"""Headers of safetensors files: a JSON object with the dtype, the shape and the place of each tensor.

A file has the length of the header (8 bytes, little-endian), the header, and the numbers of all tensors one after the
other. The key ``__metadata__`` of the header has texts by name. Reading checks everything before memory is allocated
for a tensor: the numbers have to fill the file without gaps and overlaps. The memory for a header is bounded by its
length, because its members are read one by one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from ..data.arrays import Array
from .documents import parse_json

PREFIX = 8  # bytes of the length of the header
LONGEST = 100_000_000  # bytes of a header that readers of the format accept
MAPPED = "mapped."  # start of the names of tensors that are used in a mapped file
_LINE = 64  # bytes of a cache line
_MOST = 1 << 15  # tensors
_ENTRY_LIMIT = 4096  # characters of the entry of a tensor
_MOST_DIMENSIONS = 64
_WIDEST = 1 << 23  # bytes of a header with characters outside ASCII: as a str, it can take four times as many
_METADATA = "__metadata__"
_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
}
_DECODER = json.JSONDecoder()
NAMES = {"float32": "F32", "float64": "F64", "uint8": "U8"}

_space = re.compile(r"[ \t\n\r]*+").match
_entry = re.compile(rf"\{{[^{{}}]{{0,{_ENTRY_LIMIT}}}+\}}").match
_Value = TypeVar("_Value")


class Tensor(NamedTuple):
    """Dtype, shape and place of a tensor: its numbers are the bytes from `start` to `stop` after the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    def get_dtype(self) -> str:
        """Return the name of the dtype, such as "F32"."""
        return self.dtype

    def get_shape(self) -> list[int]:
        """Return the shape."""
        return list(self.shape)


# ---- writing


def make(tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> tuple[bytes, list[str]]:
    """Return the beginning of a file, up to the numbers, and the names of the tensors in the order of their numbers.

    Tensors for mapping come first, at multiples of a cache line, which their sizes are. Of the others, wider dtypes
    come first, so that the numbers of each tensor are at a multiple of their size.

    Raises
    ------
    ValueError
        If a name is not Unicode, or the header would be longer than readers accept.
    """
    names = sorted(
        tensors, key=lambda name: (not name.startswith(MAPPED), -tensors[name].dtype.itemsize, name)
    )
    unit = _LINE if names and names[0].startswith(MAPPED) else PREFIX
    entries: dict[str, Any] = {_METADATA: dict(metadata)}
    start = 0
    for name in names:
        array = tensors[name]
        stop = start + array.nbytes
        entries[name] = {
            "dtype": NAMES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [start, stop],
        }
        start = stop
        try:
            name.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{_shown(name)} cannot name a tensor, because it is not Unicode.") from None
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(PREFIX + len(text)) % unit)
    if len(text) > LONGEST or len(names) > _MOST:
        raise ValueError(
            f"The description of the {len(names)} tensors and of the network has {len(text)} bytes. Files have at most"
            f" {_MOST} tensors and {LONGEST} bytes of description."
        )
    return len(text).to_bytes(PREFIX, "little") + text, names


# ---- reading


def length(beginning: bytes | bytearray, n_bytes: int | None) -> int:
    """Return the length of the header of a file that starts with `beginning`; `n_bytes` is its size, if it is known.

    Raises
    ------
    ValueError
        If the file is too short, or no header has this length.
    """
    if len(beginning) < PREFIX:
        raise ValueError(f"it is not a safetensors file: it has {len(beginning)} bytes, too few for a header")
    size = int.from_bytes(beginning[:PREFIX], "little")
    if size > LONGEST or (n_bytes is not None and size > n_bytes - PREFIX):
        rest = "" if n_bytes is None else f"; {n_bytes - PREFIX} bytes follow"
        raise ValueError(
            f"it is not a safetensors file, or it is cut: its header would have {size} bytes{rest}"
        )
    if not beginning[PREFIX : PREFIX + 1] == b"{" or size < 2:
        raise ValueError("it is not a safetensors file: its header is not a JSON object")
    return size


def parse(header: bytes | bytearray) -> tuple[dict[str, Tensor], dict[str, str] | None, int]:
    """Return the tensors by name, the metadata, and the number of bytes of the tensors.

    Raises
    ------
    ValueError
        If the header is not valid.
    """
    if len(header) > _WIDEST and not header.isascii():
        raise ValueError(
            f"its header of {len(header)} bytes has characters outside ASCII; such a header has at most {_WIDEST} bytes"
        )
    try:
        text = header.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"its header is not UTF-8: {error.reason} at byte {error.start}") from None
    members, at = _object(text, 0, _member)
    if len(text) != at:
        raise ValueError(f"its header has content after its JSON object, at character {at}")
    metadata: dict[str, str] | None = members.pop(_METADATA, None)
    return members, metadata, _check_places(members)


def _object(
    text: str, at: int, read: Callable[[str, str, int], tuple[_Value, int]]
) -> tuple[dict[str, _Value], int]:
    """Return the members of the JSON object at a position, and the position after it and the space behind it."""
    members: dict[str, _Value] = {}
    at = _after(text, at, "{")
    while not (text.startswith("}", at) and not members):
        name, at = _string(text, at)
        value, at = read(name, text, _after(text, at, ":"))
        if name in members:
            raise ValueError(f"its header has {_shown(name)} twice")
        members[name] = value
        if len(members) > _MOST:
            raise ValueError(f"its header has more than {_MOST} members")
        at = _end(text, at)
        if not text.startswith(",", at):
            break
        at = _end(text, at + 1)
    return members, _after(text, at, "}")


def _end(text: str, at: int) -> int:
    """Return the position of the first character after white space."""
    found = _space(text, at)
    assert found is not None  # the pattern matches anywhere
    return found.end()


def _after(text: str, at: int, character: str) -> int:
    """Return the position after a character that has to be there, and after the spaces around it."""
    at = _end(text, at)
    if not text.startswith(character, at):
        raise ValueError(f"its header is not valid: {character!r} expected at character {at}")
    return _end(text, at + 1)


def _string(text: str, at: int) -> tuple[str, int]:
    if not text.startswith('"', at):
        raise ValueError(f"its header is not valid: a text expected at character {at}")
    try:
        value, at = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise ValueError(f"its header is not valid: {error.msg} at character {error.pos}") from None
    return str(value), at


def _member(name: str, text: str, at: int) -> tuple[Any, int]:
    """Return a member of the header: the metadata, or a tensor."""
    if name == _METADATA:
        return _object(text, at, lambda _name, text, at: _string(text, at))
    found = _entry(text, at)
    if found is None:
        raise ValueError(f"the entry of {_shown(name)} in its header is not that of a tensor")
    return _tensor(name, parse_json(found[0])), found.end()


def _tensor(name: str, entry: dict[str, Any]) -> Tensor:
    """Return the tensor that an entry describes, if it is valid on its own."""
    if entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{_shown(name)} has {sorted(entry)}; expected data_offsets, dtype and shape")
    dtype, shape, place = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise ValueError(f"{_shown(name)} has the unknown dtype {dtype!a}")
    if not _are_sizes(shape) or len(shape) > _MOST_DIMENSIONS:
        raise ValueError(
            f"{_shown(name)} has the shape {shape!a}; expected at most {_MOST_DIMENSIONS} whole numbers"
        )
    if not _are_sizes(place) or len(place) != 2:
        raise ValueError(f"{_shown(name)} is at {place!a}; expected two whole numbers")
    if math.prod(size for size in shape if size) * _BITS[dtype] >= 1 << 63:
        raise ValueError(f"{_shown(name)} has the shape {shape}, whose size is beyond 64 bits")
    start, stop = place
    if (stop - start) * 8 != math.prod(shape) * _BITS[dtype]:
        raise ValueError(
            f"{_shown(name)} is {dtype} {shape}, which does not match its bytes from {start} to {stop}"
        )
    return Tensor(dtype, tuple(shape), start, stop)


def _shown(name: str) -> str:
    """Return a name for messages, which are not long."""
    return ascii(name if len(name) <= 80 else f"{name[:80]}...")


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 63 for value in values)


def _check_places(tensors: Mapping[str, Tensor]) -> int:
    """Return the number of bytes of all tensors, which have to be next to each other."""
    stop = 0
    for name in sorted(tensors, key=lambda name: tensors[name][2:]):
        if tensors[name].start != stop:
            raise ValueError(
                f"{_shown(name)} begins at byte {tensors[name].start}; the tensors before end at {stop}"
            )
        stop = tensors[name].stop
    return stop
