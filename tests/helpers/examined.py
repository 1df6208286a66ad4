"""Examination of damaged model files: a ValueError, or a model that answers in bounded memory and time.

``python tests/helpers/examined.py --count 100000 --seed 7`` examines mutants in this process, and prints the faults.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import io
import json
import linecache
import sys
import tempfile
import time
import traceback
import tracemalloc
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from golden import data, files
from mutants import KINDS, mutant, seeds

FREE, TIMES = 16 << 20, 4  # bytes of memory for any file, and for each byte of it
ANSWERS = 64 << 20  # bytes for all answers of a model with a few rows
SECONDS = 2.0  # of the processor, for a load or an answer; a file of some kB takes milliseconds
ROWS = 6


class MutantError(Exception):
    """A mutant that did what none may do."""


def rows_of(described):
    X, y = data.INPUTS[described["X"]], data.TARGETS[described["y"]]
    return X[:ROWS], y[:ROWS]


def _raised_on_purpose(error):
    """Return whether a TypeError was raised by a check of ours, not by an operation."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    line = linecache.getline(frame.filename, frame.lineno or 0)
    return "compiled_nn" in frame.filename and ("raise " in line or "fail(" in line)


@contextlib.contextmanager
def _answering(what):
    """Accept a ValueError, and the TypeError of a check of ours; ValueErrors of NumPy are not errors of ours."""
    start = time.process_time()
    try:
        yield
    except (ValueError, AttributeError, TypeError) as error:
        if not isinstance(error, ValueError) and not _raised_on_purpose(error):
            raise MutantError(f"{what}: {type(error).__name__}: {error}") from error
    except MemoryError:
        raise MutantError(f"{what}: MemoryError") from None
    except Exception as error:
        raise MutantError(f"{what}: {type(error).__name__}: {error}") from error
    if time.process_time() - start > SECONDS:
        raise MutantError(f"{what} took {time.process_time() - start:.1f} s")


def _save(model):
    buffer = io.BytesIO()
    try:
        model.save(buffer)
    except (TypeError, ValueError) as error:
        if not str(error).startswith("metadata["):
            raise
        # the form of notes of the user is checked when they are written, not when they are read
        model.save(buffer, metadata={})
    return buffer.getvalue()


# Kinds of the files that `save` writes from models of files of another kind.
_SAVED_AS = {"checkpoint": "network", "mapped": "network", "ensemble_checkpoint": "ensemble"}


def _saved_again(model, kind):
    """Save a model, and what is loaded from its file, until files of the present format have nothing left to round."""
    kind = _SAVED_AS.get(kind, kind)
    try:
        first = _save(model)
        second = _save(files.read(kind, first))
        same = first == second or second == _save(files.read(kind, second))
    except ValueError as error:
        raise MutantError(f"a loaded model is not saved and loaded again: {error}") from error
    if not same:
        raise MutantError("a file that is loaded and saved again has other bytes")


_SOME = ("predict", "repr", "save", "partial_fit")
# Calls that models of a kind do not have.
_WITHOUT = {
    "ensemble": ("diagnose", "partial_fit"),
    "ensemble_checkpoint": ("diagnose", "partial_fit"),
    "tabular_classifier": ("summary", "partial_fit"),
    "tabular_regressor": ("summary", "partial_fit"),
}


def answer(model, described, fully=True):
    """Call the methods of a model that a mutant has become, or some of them."""
    X, y = rows_of(described)
    kind = described["kind"]
    calls = {
        "predict": lambda: model.predict(X),
        "predict_proba": lambda: model.predict_proba(X),
        "summary": lambda: str(model.summary()),
        "repr": lambda: repr(model),
        "html": lambda: model._repr_html_(),
        "save": lambda: _saved_again(model, kind),
        "attributes": lambda: [
            getattr(model, name) for name in ("classes_", "mean_", "embeddings_") if hasattr(model, name)
        ],
        "get_params": lambda: (
            repr(model.get_params()) if hasattr(model, "get_params") else files.weights(model)
        ),
        "input_schema": lambda: json.dumps(model.input_schema()),
        "check_inputs": lambda: str(model.check_inputs(X)),
        "diagnose": lambda: str(model.diagnose(X, y)),
        "partial_fit": lambda: model.partial_fit(X[:1], y[:1]),
        "predict again": lambda: model.predict(X),
    }
    if kind.endswith("checkpoint"):
        calls["save_checkpoint"] = lambda: model.save_checkpoint(io.BytesIO())
        calls["fit"] = lambda: model.fit(X, y, epochs=1, warm_start=True, batch_size=4)
    for name, call in calls.items():
        if name in _WITHOUT.get(kind, ()) or (not fully and name not in _SOME):
            continue
        if name.startswith("predict") and not hasattr(model, name.removesuffix(" again")):
            continue
        with _answering(name):
            call()


def load(described, content, folder=None):
    """Load a file, from memory or if there is a folder, from a path; return None where it is refused.

    A file to map into memory is always at a path.
    """
    if described["kind"] == "mapped" and folder is None:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as own:  # Windows keeps a mapped file
            return load(described, content, own)
    place = content
    if folder is not None:
        place = Path(folder, "mutant.safetensors")
        place.unlink(missing_ok=True)  # a model may still map the file that was there
        place.write_bytes(content)
    start = time.process_time()
    try:
        model = files.read(described["kind"], place)
    except ValueError as error:
        model = None
        if "is not a readable network: " not in str(error):
            raise MutantError(f"load: the error does not name the file: {error}") from error
    except MemoryError:
        raise MutantError("load: MemoryError") from None
    except Exception as error:
        raise MutantError(f"load: {type(error).__name__}: {error}") from error
    if time.process_time() - start > SECONDS:
        raise MutantError(f"load took {time.process_time() - start:.1f} s")
    return model


def _info(folder):
    """Run ``compiled-nn info`` on the file in a folder."""
    from compiled_nn.cli import main

    path = str(Path(folder, "mutant.safetensors"))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for options in ([], ["--json"]):
            try:
                main(["info", path, *options])
            except SystemExit:
                pass
            except Exception as error:
                raise MutantError(f"info: {type(error).__name__}: {error}") from error


def examine(described, content, folder=None, measured=False, fully=True):
    """Load a file and let the model answer.

    Parameters
    ----------
    described : dict
        Kind, inputs and targets of the file.
    content : bytes
        File.
    folder : path-like, optional
        Folder that the file is written to, to be read from there.
    measured : bool, default False
        Whether the peaks of memory are compared with their bounds, which takes longer.
    fully : bool, default True
        Whether all methods of the model are called, or some.

    Returns
    -------
    bool
        Whether the file was loaded.

    Raises
    ------
    MutantError
        If the file, or the model that is read from it, does something that it may not do.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if measured:
            tracemalloc.start()
        try:
            model = load(described, content, folder)
            if measured and (peak := tracemalloc.get_traced_memory()[1]) > FREE + TIMES * len(content):
                raise MutantError(f"load: {peak} bytes of memory for a file of {len(content)} bytes")
            if folder is not None:
                _info(folder)
            if model is not None:
                answer(model, described, fully)
            if measured and (peak := tracemalloc.get_traced_memory()[1]) > FREE + ANSWERS:
                raise MutantError(f"answers: {peak} bytes of memory for a file of {len(content)} bytes")
        finally:
            if measured:
                tracemalloc.stop()
    return model is not None


def run(first, count, folder, keep_going=False):
    """Examine the mutants with the numbers from `first` on; return {kind: [refused, loaded]} and the faults."""
    counts, faults = {kind: [0, 0] for kind in KINDS}, []
    for number in range(first, first + count):
        kind, name, content = mutant(number)
        if number % 50 == 0:
            faulthandler.dump_traceback_later(
                60, exit=True
            )  # a loop of the core cannot be interrupted otherwise
        try:
            loaded = examine(
                seeds()[name][0],
                content,
                folder if number % 100 == 0 else None,
                measured=number % 40 == 0,
                fully=number % 4 == 0,
            )
            counts[kind][loaded] += 1
        except MutantError as fault:
            faults.append((number, kind, name, str(fault)))
            if not keep_going:
                raise MutantError(f"mutant {number} ({kind} of {name}): {fault}") from fault
    faulthandler.cancel_dump_traceback_later()
    return counts, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=2000)
    options = parser.parse_args()
    start, n_faults = time.perf_counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        for first in range(options.seed, options.seed + options.count, options.batch):
            counts, faults = run(first, options.batch, folder, keep_going=True)
            n_faults += len(faults)
            for fault in faults:
                print("FAULT", *fault, flush=True)
            rate = (first + options.batch - options.seed) / (time.perf_counter() - start)
            print(f"{first}: {counts}, {rate:.0f} per second, {n_faults} faults", flush=True)


if __name__ == "__main__":
    main()
