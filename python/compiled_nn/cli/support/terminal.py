"""Text on a terminal or in a file; errors of the command line."""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import TextIO

from ...common.text import printable

_WIDTH = 80
_NARROWEST = 50
_OPTIONS = {  # words of the command line by those of Python; "" where it has no such option
    ", or limit the gradient (clip_norm=1.0)": "",
    "Pass column_types with 'number', 'category' or 'date' for the columns to use.": "Give --numeric, --categorical or "
    "--date for the columns to use.",
    "Pass a larger time_limit, or fewer rows.": "Give a larger --time-limit, or fewer rows.",
    "time_limit has passed": "--time-limit has passed",
    " (refit=True)": " (--refit)",
    "scale_targets=True": "--scale-targets",
    "standardize=True": "--standardize",
    "dtype='float64'": "--dtype float64",
    "header=True": "--header",
    "header=False": "--no-header",
    'quote=""': "--quote none",
    "input_scale": "--scale",
    "r2_score": "R^2",
    "max_bytes": "--max-bytes",
}
_READING = re.compile(  # parameters of the readers of tables, with a value
    r"\b(delimiter|quote|encoding|decimal|thousands|date_format|missing|sheet)=('[^']*'|\"[^\"]*\"|\.\.\.|\d+)"
)
_TYPES = re.compile(r"column_types=\{('[^']*'|\d+): '(\w+)'\}")
_TYPE_OPTIONS = {"number": "--numeric", "category": "--categorical", "date": "--date", "ignore": "--ignore"}
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "cyan": "36"}
_STYLED = re.compile(rf"(\033\[(?:{'|'.join((*_STYLES.values(), '0'))})m)")


class UsageError(Exception):
    """Options that do not apply to the data."""


def print_error(message: object) -> None:
    """Print an error as one line on stderr."""
    Terminal(sys.stderr).print("compiled-nn: error: " + printable("; ".join(_lines(message))))


def print_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning as one line on stderr, without its place in a program; a ``warnings.showwarning``."""
    print_note(" ".join(_lines(message)))


def print_note(text: str) -> None:
    """Print a note as one line on stderr."""
    Terminal(sys.stderr).print("note: " + printable(text))


def _lines(message: object) -> list[str]:
    """Return the lines of a message, with the names of options on the command line."""
    text = str(message)
    for name, option in _OPTIONS.items():
        text = text.replace(name, option)
    text = _READING.sub(lambda match: f"--{match[1].replace('_', '-')} {_plain(match[2])}".rstrip(), text)
    text = _TYPES.sub(lambda match: f"{_TYPE_OPTIONS.get(match[2], '')} {match[1]}", text)
    return [line.strip() for line in text.split("\n")]


def _plain(value: str) -> str:
    """Return a value without quotes; "" for an ellipsis."""
    return "" if value == "..." else value.strip("'\"")


class Terminal:
    """Output stream, with the width, characters and colours that it can show.

    Parameters
    ----------
    stream : text file

    Attributes
    ----------
    is_tty : bool
    width : int
        Columns to use: 80, or fewer on a narrower terminal.
    unicode : bool
        Whether the encoding has the block characters of charts.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self.is_tty = stream.isatty()
        width = shutil.get_terminal_size((_WIDTH, 24)).columns if self.is_tty else _WIDTH
        self.width = min(_WIDTH, max(_NARROWEST, width))
        self.unicode = _can_encode("▁█·━", self._encoding)
        # The old console of Windows may print escape codes as text.
        windows_console = os.name == "nt" and "WT_SESSION" not in os.environ
        self._colours = (
            self.is_tty
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb"
            and not windows_console
        )

    def style(self, text: str, name: str) -> str:
        """Return `text`, with escapes for control characters, in bold, dim or a colour if the stream shows styles."""
        text = printable(text)
        return f"\033[{_STYLES[name]}m{text}\033[0m" if self._colours else text

    def write(self, text: str) -> None:
        """Write and flush `text`; characters that are not in the encoding become question marks."""
        self._stream.write(text.encode(self._encoding, "replace").decode(self._encoding))
        self._stream.flush()

    def print(self, *lines: str) -> None:
        """Write lines, with escapes for their control characters, other than those of :meth:`style`."""
        self.write("".join(self._escaped(line) + "\n" for line in lines))

    def _escaped(self, line: str) -> str:
        if not self._colours:
            return printable(line)
        parts = _STYLED.split(line)  # every second part is the code of a style
        return "".join(part if i % 2 else printable(part) for i, part in enumerate(parts))


def _can_encode(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
