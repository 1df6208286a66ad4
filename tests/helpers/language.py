"""Check of the English in docstrings, comments, messages and pages, for the phrases in language.toml.

``python tests/helpers/language.py PATH ...`` prints one line per hit, ``file:line: hit: suggestion``, and exits with
status 1 if there are any. A path is a file, or a folder, which is searched for files of the types in `READERS`.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_suffix(".toml")

# The paths that tests/docs/test_language.py checks, relative to the root of the repository.
COVERED = (
    "README.md",
    "CHANGELOG.md",
    "docs",
    "python",
    "benchmarks",
    "cnn_core",
)
# Readers blank program text and inline code with characters that are not white space, so that no phrase spans it.
CODE, INLINE, QUOTE = "\0", "_", "\1"  # program text, inline code, and the opening quote of a string

STRING = (
    r"[a-zA-Z]{0,2}(?:"
    + "|".join(
        [
            r"\"{3}(?:\\.|[^\\])*?\"{3}",
            r"'{3}(?:\\.|[^\\])*?'{3}",
            r'"(?:\\.|[^"\\\n])*"',
            r"'(?:\\.|[^'\\\n])*'",
        ]
    )
    + ")"
)
PYTHON_TOKENS = re.compile(rf"(?P<comment>#[^\n]*)|(?P<string>{STRING})", re.DOTALL)
C_TOKENS = re.compile(rf"(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<string>{STRING})", re.DOTALL)
QUOTES = re.compile(r"[a-zA-Z]{0,2}(\"{3}|'{3}|\"|')")
COMMENT_MARKS = re.compile(r"^(?:#+|//+|/\*+)|\*+/$")
FENCED = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]+`")
LINK_TARGET = re.compile(r"(?<=\])\([^)\n]*\)")


class Pattern(NamedTuple):
    """An entry of the table, with its expression compiled."""

    name: str
    expression: re.Pattern
    why: str
    instead: str
    bad: str
    good: str


class Hit(NamedTuple):
    """A match of a pattern: its line in the file, counted from 1, its text, and the pattern."""

    line: int
    words: str
    pattern: Pattern


def read_patterns():
    """Return the patterns of the table."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    macros = {
        " ": r"\s+",
        "NOUN": f"(?:{'|'.join(table['nouns'])})",
        "START": rf"(?m:^|\|)[^\w\n{INLINE}]*",
        "TEXT": rf"(?:{QUOTE}|(?m:^)\s{{4,}})",
    }
    patterns = []
    for entry in table["pattern"]:
        expression = re.sub("|".join(macros), lambda macro: macros[macro[0]], entry["expression"])
        patterns.append(Pattern(**entry | {"expression": re.compile(expression, re.IGNORECASE)}))
    return patterns


PATTERNS = read_patterns()


def blank(text):
    """Return `text` with `CODE` in place of everything but white space."""
    return re.sub(r"\S", CODE, text)


def blank_inline(text):
    """Return `text` with `INLINE` in place of inline code."""
    return INLINE_CODE.sub(lambda code: INLINE * len(code[0]), text)


def read_code(text, tokens=PYTHON_TOKENS):
    """Return the comments and strings of a program at their places, with everything else blanked."""
    parts, end, last = [], 0, None
    for token in tokens.finditer(text):
        between, words = text[end : token.start()], token[0]
        if token["comment"]:
            words = COMMENT_MARKS.sub(lambda mark: " " * len(mark[0]), words)
        else:
            quotes = QUOTES.match(words)
            opening, closing = quotes.end(), len(quotes[1])
            mark = CODE * (opening - 1) + QUOTE
            if last == "string" and not between.strip():  # parts of one message: their quotes are white space
                mark = " " * opening
                parts[-1] = parts[-1].rstrip(CODE).ljust(len(parts[-1]))
            words = mark + words[opening:-closing] + CODE * closing
        parts += [blank(between), words] if between.strip() or last != "string" else [between, words]
        end, last = token.end(), token.lastgroup
    return blank_inline("".join([*parts, blank(text[end:])]))


def read_page(text):
    """Return the prose of a Markdown page and the comments of its Python blocks, with everything else blanked."""
    parts, end = [], 0
    for block in FENCED.finditer(text):
        code = read_code(block[2]) if block[1] == "python" else blank(block[2])
        opening = block.start(2) - block.start()
        parts += [blank_inline(text[end : block.start()]), blank(block[0][:opening]), code, CODE * 3]
        end = block.end()
    parts.append(blank_inline(text[end:]))
    return LINK_TARGET.sub(lambda target: blank(target[0]), "".join(parts))


def read_header(text):
    """Return the comments and strings of a C header at their places, with everything else blanked."""
    return read_code(text, C_TOKENS)


READERS = {
    ".md": read_page,
    ".py": read_code,
    ".pyx": read_code,
    ".pxd": read_code,
    ".pyi": read_code,
    ".h": read_header,
}


def search(prose):
    """Return the hits in the text that a reader returned, in the order of the lines."""
    hits = []
    for pattern in PATTERNS:
        for match in pattern.expression.finditer(prose):
            words = " ".join(match[0].replace(QUOTE, " ").replace(CODE, " ").split())
            hits.append(Hit(prose.count("\n", 0, match.end()) + 1, words, pattern))
    return sorted(hits, key=lambda hit: hit.line)


def search_file(path):
    """Return the hits in a file."""
    return search(READERS[path.suffix](path.read_text(encoding="utf-8")))


def list_files(path):
    """Return the files to check in a folder, or the file itself in a list."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix in READERS)
    if not path.exists() or path.suffix not in READERS:
        raise SystemExit(
            f"{path}: expected a folder, or an existing file that ends with {', '.join(READERS)}"
        )
    return [path]


def main(arguments):
    """Print the hits in files and folders; return the exit status."""
    if not arguments:
        raise SystemExit("usage: python tests/helpers/language.py PATH ...")
    status = 0
    for file in (file for argument in arguments for file in list_files(Path(argument))):
        for hit in search_file(file):
            print(f"{file}:{hit.line}: {hit.words}: {hit.pattern.why}; write {hit.pattern.instead}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
