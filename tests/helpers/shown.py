"""Output that a page or a docstring shows, compared with what its example prints.

Numbers may differ by 5 %: between instruction sets, sums are rounded differently, and after a thousand steps
accuracies differ by some hundredths. Everything else must be equal, except for the amount of white space. `...` in a
docstring stands for any text.
"""

import math
import re

TOLERANCE = 0.05
SMALLEST = 1e-6  # smaller differences of numbers that would be 0 in exact arithmetic
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
HERE = "\N{BLACK SQUARE}"  # in place of a number
POINT = re.compile(rf"(?<={HERE})\.(?=[\s,\])]|$)")  # NumPy prints 1.0 as "1."
ANY = "\N{HORIZONTAL ELLIPSIS}"  # in place of `...`
MARGIN = re.compile(r"(?<=[\[(])\s+|\s+(?=[\])])")  # spaces with which NumPy aligns columns


def split(text):
    """The words of a text without its numbers, and the numbers."""
    numbers = [float(number.replace(",", "")) for number in NUMBER.findall(text)]
    words = POINT.sub("", MARGIN.sub("", NUMBER.sub(HERE, text)))
    return " ".join(words.split()), numbers


def near(a, b):
    """Whether two numbers are about the same."""
    return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=SMALLEST)


def alike(shown, output):
    """Whether an output is the text that a docstring shows, with numbers that are about the same."""
    words, numbers = split(shown.replace("...", ANY))
    found, others = split(output)
    match = re.fullmatch("(.*)".join(map(re.escape, words.split(ANY))), found)
    if match is None:
        return False
    skipped = [match.span(i + 1) for i in range(len(match.groups()))]
    places = (place.start() for place in re.finditer(HERE, found))
    kept = [
        number
        for number, place in zip(others, places, strict=True)
        if not any(start <= place < end for start, end in skipped)
    ]
    return all(near(a, b) for a, b in zip(numbers, kept, strict=True))
