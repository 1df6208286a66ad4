"""The commands on the pages: which are run, and which are only compared with the help of their program."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from absent import NO_DATA, OF_AN_EXTRA
from pages import ROOT, blocks, here

# Commands that are run, each in the folder of its page and after the blocks above it.
RUN = re.compile(
    r"compiled-nn (train|predict|evaluate|explain|quantize|export|info|tutorial) |python -c |(head|cat|ls) "
)

# Commands that are not run, and the reason. Their files and options are compared with what exists.
CHECKED = {
    r"compiled-nn bench ": "takes minutes, and prints times; tests/cli/test_cli_bench.py runs it",
    r"compiled-nn serve ": "does not end; tests/docs/test_serving_page.py starts it and sends requests",
    r"compiled-nn --": "completion and versions are tested in tests/cli",
    r"curl ": "needs the service; tests/docs/test_serving_page.py sends the request",
    r"uvicorn ": "does not end; tests/serving/test_http.py starts it",
    r"(python -m )?pip |python -m venv |\. |source |conda |uv ": "installs packages or changes the shell",
    r"(python -m )?pytest\b|ruff |mypy\b|cython-lint ": "`.ci/run` runs it",
    r"(bash|python) \.ci/": "takes minutes to hours, or needs a built site",
    r"python setup\.py ": "compiles the core",
    r"python benchmarks/|taskset |chrt ": "takes minutes, and prints times",
    r"python tests/helpers/": "takes minutes, or rewrites files of the repository",
    r"(python -m )?sphinx(-build)? ": "`.ci/run` builds the site",
    r"cc |\./a\.out ": "tests/docs/test_languages.py compiles and runs the blocks of C and the self-test",
    r"jupyter |node |optuna-dashboard |mlflow |dask ": "a program of another project, for readers who use it",
}
EXAMPLES = ("my_timing.py",)  # a reader's own file


def lines_of(block):
    """Return the commands of a block; a backslash at the end of a line continues it."""
    text = block.text.replace("\\\n", " ")
    if block.kind == "transcript":
        return re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    return [
        part.strip()
        for line in text.splitlines()
        for part in line.split("&&")
        if part.strip() and not part.strip().startswith("#")
    ]


def without_assignments(command):
    """Return a command without environment variables and `sudo` before it."""
    return re.sub(r"^((?:[A-Z_]+=\S*|sudo) +)+", "", command)


def reason(command):
    """Return why a command is not run; None if it is run, and a LookupError if neither table has it."""
    command = without_assignments(command) + " "
    if RUN.match(command):
        return None
    for pattern, why in CHECKED.items():
        if re.match(pattern, command):
            return why
    raise LookupError(f"{command!r} is neither in RUN nor in CHECKED of tests/helpers/page_commands.py")


def commands(page):
    """Yield the commands of a page as lists of words."""
    for block in blocks(page):
        if block.kind in ("sh", "transcript"):
            for line in lines_of(block):
                yield shlex.split(without_assignments(line), comments=True)


def options(words):
    return [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)]


def program(words):
    """Return what to call with `--help`, and the words after it; None where this machine does not have it."""
    name, *rest = words
    if name == "python" and rest[0] != "-m":
        if rest[0] == "setup.py" and find_spec("Cython") is None:
            return None
        script = ROOT / rest[0]
        part = [
            word for word in rest[1:2] if re.fullmatch("[a-z_]+", word)
        ]  # a part of a script with options of its own
        head = [rest[0], *part]
        return ([sys.executable, *head], rest) if script.exists() else None
    if name in ("python", "pip"):
        module = rest[1] if name == "python" else "pip"
        if find_spec(module) is None:
            return None
        head = [sys.executable, "-m", module, *(["install"] if module == "pip" else [])]
        return head, rest[2 if name == "python" else 0 :]
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    subcommand = rest[:1] if name in ("compiled-nn", "ruff") and rest[:1] != ["--print-completion"] else []
    return ([found, *subcommand], rest) if found else None


def check_wrapper(words):
    """Check the options of programs that run another one, and return the command that they run."""
    while words[0] in ("taskset", "chrt"):
        inner = next(i for i, word in enumerate(words) if word in ("taskset", "python") and i)
        if shutil.which(words[0]):
            check_options([shutil.which(words[0])], words[1:inner])
        words = words[inner:]
    return words


@cache
def help_of(*command):
    # A script imports what is beside it, which the suite's own environment forbids.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}
    full = ["all"] if Path(command[0]).stem == "curl" else []
    done = subprocess.run(
        [*command, "--help", *full], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    absent = re.search("No module named '(.*)'", done.stderr)
    if done.returncode and absent:
        pytest.skip(f"{absent[1]} is not installed")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check_options(command, words):
    """Check that the help of a program has the options of a command."""
    text = help_of(*command)
    for option in options(words):
        found = re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text)
        assert found or help_has_short(option, text), f"{command}: no {option}"


def help_has_short(option, text):
    """Whether an option is several short ones in one word, as in `head -n3`."""
    return re.fullmatch(r"-[a-z]\w+", option) and re.search(rf"(?<![\w-])-{option[1]}(?![\w-])", text)


def check(words):
    """Check that the files of a command exist and that its program has its options."""
    words = check_wrapper(words)
    if words[0] == "cc":
        return  # the same options compile the blocks of C
    if words[0] in (".", "bash", "source"):
        assert words[1].startswith(".venv/") or here(words[1]), words
        return
    scripts = [word for word in words if word.endswith(".py") and word not in EXAMPLES]
    assert all(here(script.split("::")[0]) for script in scripts), words
    if words[-1] not in EXAMPLES and (called := program(words)):
        check_options(*called)


def run_command(command):
    """Return the lines that a command writes to stderr (notes), and those that it prints."""
    words = shlex.split(without_assignments(command), comments=True)
    if "--out" in words:
        pytest.importorskip("matplotlib")
    folder = str(Path(sys.executable).parent)
    found = shutil.which(words[0], path=folder) or shutil.which(words[0])
    if found is None:
        pytest.skip(f"{words[0]} is not installed")
    environment = os.environ | {"PATH": os.pathsep.join([folder, os.environ["PATH"]])}
    if re.search(r" [|>] ", command):
        if os.name == "nt":
            pytest.skip("needs a POSIX shell")
        done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True)
    else:
        done = subprocess.run([found, *words[1:]], env=environment, capture_output=True, text=True)
    absent = re.search(f".*{NO_DATA}", done.stderr + done.stdout)
    if absent is not None:
        pytest.skip(absent[0])
    if done.returncode and OF_AN_EXTRA in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines(), done.stdout.splitlines()
