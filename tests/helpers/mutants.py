"""Damaged model files: mutants of the golden files, which are every kind of network, checkpoint and estimator.

Each mutant has a number that makes it again. `examined.py` compares what it does with what it must do.
"""

from __future__ import annotations

import functools
import json
import random
import struct
from pathlib import Path

from containers import CARD, joined, split
from golden import archive, data

GOLDEN = Path(__file__).resolve().parent / "golden"
KINDS = ("bytes", "header", "document", "tensors", "crossed")

LONG = "9" * 400
HOSTILE = (
    *(None, True, False, 0, 1, -1, 2, 3, 10**6, 2**31, 2**32 + 1, 2**53, 2**62, 2**63, 2**64, 10**40, int(LONG)),
    *(0.0, -0.0, 0.5, 1.0, 1.5, -2.5, 1e-320, 1e-30, 1e30, 1e300, 1e308, -1e308, 0.999999999999, 1e-16),
    *("", "x", "nan", "inf", "relu", "softmax", "exp", "mse", "adam", "array", "function", "auto", "\u0000", "\ud800"),
    *("\U0001f600", "a" * 2000, "<U10000000", "|O", "<i8", "float64", "1", "batch", "__class__", "layers.0.weight"),
    *([], [[]], {}, {"a": 1}, [None], [0], [1, 2, 3], ["a", "b"], [0.5] * 300, {"float": "nan"}, {"float": "inf"}),
    *({"items": [[[], 1]]}, {"items": [["a", {"float": "nan"}]]}, {"tensor": "losses"}, {"name": "sgd"}),
    *({"optimizer": {"name": "lbfgs", "max_iter": 5, "max_fun": 5, "tol": 0.1, "memory": 3}}, {"averaging": 0.5}),
    *({"name": "normal", "sigma": 1e300}, {"name": "cosine", "initial": 0.1, "over": 1, "final": 0, "restarts": True,
       "growth": 10**30, "per": "step"}, {"loss": {"name": "huber", "delta": 1e-300}}),
)  # fmt: skip


# ---- seeds


@functools.cache
def seeds():
    """Return {name: (description, content)} of the golden files, with the names of their kinds, inputs and targets."""
    data.own_activation()
    found = {}
    for path in sorted(GOLDEN.glob("*.tar.gz")):
        golden = archive.Archive(path)
        for name, content in golden.files().items():
            described = golden.index[name]
            found[name] = {key: described[key] for key in ("kind", "X", "y")}, content
    for path in sorted(GOLDEN.glob("*.safetensors")):
        found[path.stem] = {"kind": "network", "X": "numbers", "y": "three"}, path.read_bytes()
    return found


@functools.cache
def parts(name):
    """Return the header of a seed without its metadata, its documents by key, and its numbers."""
    header, numbers = split(seeds()[name][1])
    documents = {key: json.loads(text) for key, text in header.pop("__metadata__").items() if key != "format"}
    return header, documents, numbers


def copied(tree):
    """Return a copy of nested lists and dicts."""
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    return [*map(copied, tree)] if isinstance(tree, list) else tree


def taken(draw, name):
    """Return the parts of a seed to change; mostly without the fingerprint, which refuses nearly every change."""
    header, documents, numbers = parts(name)
    documents = copied(documents)
    if draw.random() < 0.9:
        documents.get(CARD, {}).pop("fingerprint", None)
    return copied(header), documents, numbers


def places(tree):
    """Return (container, key) of everything inside nested dicts and lists."""
    found = []
    for key, value in [*(tree.items() if isinstance(tree, dict) else enumerate(tree))]:
        found.append((tree, key))
        if isinstance(value, (dict, list)):
            found += places(value)
    return found


# ---- mutations


def changed_bytes(draw, content):
    content = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        at = draw.randrange(len(content))
        how = draw.randrange(7)
        if how <= 1:
            content[at] ^= 1 << draw.randrange(8)
        elif how == 2:
            content[at] = draw.randrange(256)
        elif how == 3:
            del content[at : at + draw.choice((1, 4, 8, 64, 10**6))]
        elif how == 4:
            content[at:at] = content[at : at + draw.choice((1, 8, 64))]
        elif how == 5:
            content[:8] = struct.pack("<Q", draw.choice((0, 1, 2, len(content), 2**31, 2**63, 2**64 - 1)))
        else:
            content += bytes(draw.choice((1, 8, 4096)))
        if not content:
            break
    return bytes(content)


def changed_value(draw, value):
    """Return another value in place of one in a document."""
    how = draw.randrange(6)
    if how == 0 and isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300:
        return draw.choice((value + 1, value - 1, -value, value * 2, value + 0.5, float(value), str(value)))
    if how == 1 and isinstance(value, str):
        return draw.choice((value.upper(), value + "x", value[:-1], [value], value * 3))
    if how == 2 and isinstance(value, list):
        return draw.choice((value + value, value[::-1], value[1:], value * 50, [value]))
    if how == 3:
        for _ in range(draw.choice((1, 3, 40, 150))):
            value = draw.choice(([value], {"a": value}))
        return value
    return copied(draw.choice(HOSTILE))


def changed_tree(draw, tree):
    """Change something inside nested dicts and lists."""
    container, key = draw.choice(places(tree))
    how = draw.randrange(10)
    if how == 0:
        del container[key]
    elif how == 1 and isinstance(container, dict):
        container[
            draw.choice(("x", "", "name", "format_version", "dropout", "norm", "standardize", "ema"))
        ] = copied(draw.choice(HOSTILE))
    elif how == 2:
        other, place = draw.choice(places(tree))
        if isinstance(other, dict) or place < len(other):
            container[key] = copied(other[place])
    elif how == 3 and isinstance(container, list):
        container.insert(key, copied(draw.choice(HOSTILE)))
    else:
        container[key] = changed_value(draw, container[key])


def put_together(draw, header, documents, numbers):
    """Return the file of a header, documents and numbers, with some JSON that ``json.dumps`` does not write."""
    texts = {key: json.dumps(document) for key, document in documents.items()}
    if draw.random() < 0.05:
        key = draw.choice([*texts])
        text, position = texts[key], draw.randrange(len(texts[key]))
        texts[key] = draw.choice(
            (
                text.replace(":0", ":NaN", 1), text.replace(":1", ":1e999", 1), "{" + text[1:-1] + "," + text[1:],
                "[" * 100_000, text[:position], text + " ",
                text[:position] + draw.choice('{}[]",:0-\\') + text[position:],
                text.replace("\\", "\\\\"), "\ufeff" + text, "null",
            )
        )  # fmt: skip
    return joined(json.dumps({"__metadata__": texts, **header}).encode(), numbers)


def changed_header(draw, name):
    header, documents, numbers = taken(draw, name)
    tensors, how = [*header], draw.randrange(8)
    first, second = draw.choice(tensors), draw.choice(tensors)
    if how == 0:
        header[first], header[second] = header[second], header[first]
    elif how == 1:
        del header[first]
    elif how == 2:
        header[draw.choice((first + "x", "training.x", "layers.7.weight", "training.estimator.x", ""))] = (
            header.pop(first)
        )
    elif how == 3:
        header[first]["data_offsets"], header[second]["data_offsets"] = (
            header[second]["data_offsets"], header[first]["data_offsets"])  # fmt: skip
    elif how == 4:
        header[first]["shape"] = draw.choice(
            (header[first]["shape"][::-1], [], [0], [1], [2**62], [*header[first]["shape"], 1])
        )
    elif how == 5:
        header[first]["dtype"] = draw.choice(("F16", "F32", "F64", "I64", "BOOL", "x"))
    elif how == 6:
        size = len(numbers)
        header["training.estimator.curve"] = {
            "dtype": "F32",
            "shape": [draw.choice((1, 0))],
            "data_offsets": [size, size + 4],
        }
        numbers += bytes(4)
    else:
        changed_tree(draw, header)
    return put_together(draw, header, documents, numbers)


def changed_document(draw, name):
    header, documents, numbers = taken(draw, name)
    key = draw.choice([*documents])
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        if documents[key]:
            changed_tree(draw, documents[key])
    if draw.random() < 0.1:  # also beyond what json.dumps may write
        documents[key]["format_version"] = draw.choice((1, 2, 3, 4))
    return put_together(draw, header, documents, numbers)


def crossed(draw, name):
    """Return a file with a part of a document of another seed."""
    header, documents, numbers = taken(draw, name)
    other = parts(draw.choice([*seeds()]))
    key = draw.choice([*documents])
    if key not in other[1]:
        documents |= copied(other[1])
    elif draw.random() < 0.3:
        documents[key] = copied(other[1][key])
    else:
        mine, theirs = places(documents[key]), places(other[1][key])
        container, place = draw.choice(mine)
        same = [(c, p) for c, p in theirs if p == place]
        c, p = draw.choice(same or theirs)
        container[place] = copied(c[p])
    return put_together(draw, header, documents, numbers)


def changed_tensors(draw, name):
    header, documents, numbers = taken(draw, name)
    numbers = bytearray(numbers)
    for _ in range(draw.choice((1, 1, 3))):
        entry = header[draw.choice([*header])]
        start, stop = entry["data_offsets"]
        form, width = ("<f", 4) if entry["dtype"] == "F32" else ("<d", 8)
        count = (stop - start) // width
        number = draw.choice(
            (float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 1e-40, 3e38, -3e38, 1e5, 0.5)
        )
        at = [draw.randrange(count)] if draw.random() < 0.7 and count else range(count)
        for i in at:
            struct.pack_into(form, numbers, start + i * width, number)
    return put_together(draw, header, documents, bytes(numbers))


def mutant(seed):
    """Return the kind of the mutation, the name of the golden file, and the damaged file with this number."""
    draw = random.Random(seed)
    kind, name = draw.choices(KINDS, (2, 2, 6, 1, 2))[0], draw.choice([*seeds()])
    if kind == "bytes":
        return kind, name, changed_bytes(draw, seeds()[name][1])
    makers = {
        "header": changed_header,
        "document": changed_document,
        "tensors": changed_tensors,
        "crossed": crossed,
    }
    return kind, name, makers[kind](draw, name)
