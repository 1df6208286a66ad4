"""Run the examples of a page, and compare what they print with what the page shows."""

import contextlib
import io
import re
import warnings
from typing import NamedTuple

import pytest
from absent import KERAS, absent, absent_in
from page_commands import lines_of, reason, run_command
from pages import blocks
from shown import alike

DRAWN = re.compile("[\u2580-\u259f]|trained for")  # lines of charts, and times
RAISED = re.compile(r"(\w+\.)*(\w+(Error|Exception|Warning|Interrupt)): ")


class Example(NamedTuple):
    """A block of Python or a command, the lines that the page shows as its output, and its line on the page."""

    python: bool
    text: str
    shown: list[str]
    line: int
    from_sh: bool = False


def examples(page):
    """Return the examples of a page in order; commands that are not run are left out."""
    found, new = [], []
    for block in blocks(page):
        if block.kind == "output":
            if new and block.above in ("python", "sh"):
                new[-1].shown.extend(block.text.splitlines())
            continue
        new = examples_of(block)
        found += new
    return found


def examples_of(block):
    """Return the example of a block of Python, or those of the commands that are run."""
    if block.kind == "python":
        return [Example(True, block.text, [], block.line)]
    if block.kind == "sh":
        run = [line for line in lines_of(block) if reason(line) is None]
        return [Example(False, line, [], block.line, True) for line in run]
    if block.kind == "transcript":
        parts = re.split(r"^\$ ", block.text.replace("\\\n", " "), flags=re.MULTILINE)[1:]
        lines = [part.splitlines() for part in parts]
        return [
            Example(False, command, shown, block.line) for command, *shown in lines if reason(command) is None
        ]
    return []


class Reader:
    """Someone who tries the examples of a page in one folder, each once and after those above it."""

    def __init__(self, page, folder):
        self.folder, self.examples = folder, examples(page)
        self.names, self.outcomes = {"__name__": "page"}, []
        self.without_notes = {}  # what commands print besides notes on stderr, by the number of the example

    def read_until(self, line):
        """Run the examples above a line of the page; skip where one of them is skipped."""
        for number, example in enumerate(self.examples):
            if example.line < line:
                self.output(number)

    def output(self, number):
        """Return the lines that an example prints; its exception is raised again."""
        while len(self.outcomes) <= number:
            example = self.examples[len(self.outcomes)]
            with contextlib.chdir(self.folder):
                try:
                    self.outcomes.append(self.run(example) if example.python else self.command(example))
                except (Exception, pytest.skip.Exception) as error:
                    self.outcomes.append(error)
        if isinstance(self.outcomes[number], BaseException):
            raise self.outcomes[number]
        return self.outcomes[number]

    def command(self, example):
        """Return the lines that a command prints, notes first."""
        notes, lines = run_command(example.text)
        self.without_notes[len(self.outcomes)] = lines
        return [*notes, *lines]

    def compare(self, number):
        """Return the first difference between what the page shows and what is printed, or None.

        The test is skipped if the example has printed that a library is not installed. Notes of a command, which it
        writes to stderr, need not be shown.
        """
        output, shown = self.output(number), self.examples[number].shown
        if self.examples[number].from_sh and not shown:
            return None  # commands to type, whose output the page describes
        found = differences(shown, output)
        if found and number in self.without_notes:
            found = differences(shown, self.without_notes[number]) and found
        if found and (lack := absent_in(output)):
            pytest.skip(lack)
        return found and f"{found}\n-- all of the output:\n" + "\n".join(output)

    def run(self, example):
        """Return the lines that a block of Python prints; warnings are errors.

        If the page shows a line such as "ValueError: ..." at the end, the block may raise this error.
        """
        output = io.StringIO()
        try:
            with contextlib.redirect_stdout(output), warnings.catch_warnings():
                warnings.filterwarnings("ignore", KERAS)
                exec(compile(example.text, f"line {example.line}", "exec"), self.names)
        except Exception as error:
            self.skip_if_absent(error)
            self.note(error, example, output)
        return output.getvalue().splitlines()

    def skip_if_absent(self, error):
        """Skip if an error says that a library or data are not here, or that a block above was skipped."""
        skipped = [outcome for outcome in self.outcomes if isinstance(outcome, pytest.skip.Exception)]
        if isinstance(error, NameError | FileNotFoundError) and skipped:
            raise skipped[0]
        if reason := absent(error):
            pytest.skip(reason)

    @staticmethod
    def note(error, example, output):
        """Write an error that the page shows at the end of the output; raise others."""
        if not (example.shown and RAISED.match(example.shown[-1])):
            raise error
        print(f"{type(error).__name__}: {error}", file=output)


def differences(shown, output):
    """Return the first difference between the lines that a page shows and those printed, or None.

    A line `...` stands for any number of lines, and `...` in a line for any text. Empty lines, charts and times are
    not compared.
    """
    shown = [line for line in shown if line.strip() and not DRAWN.search(line)]
    output = [line for line in output if line.strip() and not DRAWN.search(line)]
    parts = [[]]
    for line in shown:
        if line.strip() == "...":
            parts.append([])
        else:
            parts[-1].append(line)
    place = 0
    for i, part in enumerate(parts):
        starts = range(place, len(output) - len(part) + 1)
        if i == 0:
            starts = [0]
        elif i == len(parts) - 1:
            starts = starts[-1:]
        start = next((s for s in starts if all_alike(part, output[s:])), None)
        if start is None:
            return "not printed here:\n" + "\n".join(part)
        place = start + len(part)
    rest = output[place:] if len(parts) == 1 else []
    return "printed, but not shown:\n" + "\n".join(rest) if rest else None


def all_alike(part, output):
    return len(part) <= len(output) and all(map(alike, part, output))
