"""The interface of the commands, their help, and how they are found."""

import argparse
import inspect
import json
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import compiled_nn as cnn
import pytest
from command_line import outcome
from compiled_nn import cli

COMMANDS = cli.commands()
FOLDER = Path(cli.__file__).parent


@pytest.fixture
def run(capsys):
    return partial(outcome, capsys)


def options_of(command):
    """Return the names of all arguments and options that a command adds; positional ones by their metavar."""
    parser = argparse.ArgumentParser(add_help=False)
    command.add_options(parser)
    return {name for action in parser._actions for name in action.option_strings or [action.metavar]}


def test_each_file_is_a_command():
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert COMMANDS.keys() == files
    places = [command.ORDER for command in COMMANDS.values()]
    assert places == sorted(set(places))


@pytest.mark.parametrize("name", COMMANDS)
def test_interface(name):
    command = COMMANDS[name]
    assert isinstance(command.ORDER, int)
    for text in (command.SUMMARY, command.USAGE, command.DESCRIPTION, *command.EXAMPLES):
        assert isinstance(text, str)
    assert isinstance(command.EXAMPLES, tuple)
    assert all(example.split()[0] == name for example in command.EXAMPLES)
    assert command.SUMMARY
    assert not command.SUMMARY.endswith(".")
    assert list(inspect.signature(command.add_options).parameters) == ["parser"]
    assert list(inspect.signature(command.run).parameters) == ["options"]
    assert "run" in vars(command)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(run, name):
    code, out, err = run(name, "--help")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    described = set(re.findall(r"^  (?:(-\w)(?: \w+)?, )?(--[a-z0-9-]+|[A-Z]+)\b", out, re.MULTILINE))
    listed = {word for pair in described for word in pair if word}
    listed |= set(re.findall(r"^  --[a-z-]+, (--no-[a-z-]+)", out, re.MULTILINE))
    missing = options_of(COMMANDS[name]) - listed
    assert not missing
    summary = COMMANDS[name].SUMMARY
    first = COMMANDS[name].DESCRIPTION or f"{summary[0].upper()}{summary[1:]}."
    assert f"\n\n{first.splitlines()[0]}\n" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_has_a_description(name):
    parser = argparse.ArgumentParser(add_help=False)
    COMMANDS[name].add_options(parser)
    assert not [action.dest for action in parser._actions if not action.help]


def test_version_and_help(run):
    assert run("--version") == (0, f"compiled-nn {cnn.__version__}\n", "")
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    listed = re.findall(r"^    (\w+) +(.+)$", out, re.MULTILINE)
    assert listed == [(name, command.SUMMARY) for name, command in COMMANDS.items()]
    for command in COMMANDS.values():
        for example in command.EXAMPLES:
            assert f"\n  compiled-nn {example}\n" in out


@pytest.mark.parametrize(
    ("word", "meant"),
    [("trian", "train"), ("Predict", "predict"), ("evalute", "evaluate"), ("support", None), ("xyz", None)],
)
def test_unknown_command(run, word, meant):
    code, out, err = run(word, "digits", "--epochs", 3)
    assert (code, out) == (2, "")
    hint = f" Did you mean {meant!r}?" if meant else ""
    assert err.endswith(
        f"compiled-nn: error: unknown command {word!r}; the commands are {', '.join(COMMANDS)}.{hint}\n"
    )


def test_unknown_option_before_a_command(run):
    code, out, err = run("--foo", "info", "net")
    assert (code, out) == (2, "")
    assert "unrecognized arguments: --foo." in err


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion(run, shell):
    pytest.importorskip("shtab", reason="shtab is not installed")
    code, out, err = run("--print-completion", shell)
    assert (code, err) == (0, "")
    for name, command in COMMANDS.items():
        assert name in out
        for option in options_of(command):
            assert option.lstrip("-") in out or not option.startswith("--")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_completion_in_bash(run):
    pytest.importorskip("shtab", reason="shtab is not installed")
    script = run("--print-completion", "bash")[1]
    script += """
COMP_WORDS=(compiled-nn evaluate model --par) COMP_CWORD=3
_shtab_compiled_nn
echo "${COMPREPLY[@]}"
"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["--part"]


def test_completion_without_shtab(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    code, out, err = run("--print-completion", "bash")
    message = 'compiled-nn: error: --print-completion needs shtab; pip install "compiled-nn[completion]"\n'
    assert (code, out, err) == (1, "", message)
    assert "Did you mean 'zsh'?" in run("--print-completion", "zhs")[2]


def test_help_precedes_an_unknown_command(run):
    assert run("--help", "trian")[0] == 0


GREET = '''
"""The command ``greet``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

ORDER = 21
SUMMARY = "print a greeting"
EXAMPLES = ("greet World --loud",)
USAGE = "NAME"
DESCRIPTION = ""


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name to greet")
    parser.add_argument("--loud", action="store_true", help="use capital letters")


def run(options: Namespace) -> int:
    text = f"Hello {options.name}"
    print(text.upper() if options.loud else text)
    return 0
'''


def test_a_file_is_enough_for_a_command(run, tmp_path, monkeypatch):
    (tmp_path / "greet.py").write_text(GREET)
    monkeypatch.setattr(cli, "__path__", [*cli.__path__, str(tmp_path)])
    try:
        assert run("greet", "World", "--loud") == (0, "HELLO WORLD\n", "")
        out = run("--help")[1]
        assert re.search(r"^    predict .*\n    greet     print a greeting\n", out, re.MULTILINE)
        assert "\n  compiled-nn greet World --loud\n" in out
        assert "  --loud      use capital letters\n" in run("greet", "--help")[1]
        assert "Did you mean '--loud'?" in run("greet", "World", "--luod")[2]
        err = run("gret")[2]
        assert "the commands are train, predict, greet, " in err
        assert err.endswith("Did you mean 'greet'?\n")
    finally:
        sys.modules.pop(f"{cli.__name__}.greet", None)
        vars(cli).pop("greet", None)


def imported(environment, *argv):
    """Return the modules of the package that a command line loads beyond those of `import compiled_nn`."""
    code = f"""
import json, sys, compiled_nn
from contextlib import redirect_stdout
before = set(sys.modules)
from compiled_nn.cli import main
try:
    with redirect_stdout(sys.stderr):
        main({list(argv)!r})
except SystemExit:
    pass
print(json.dumps(sorted(name for name in set(sys.modules) - before if name.startswith(("compiled_nn", "cnn_core")))))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_a_start_imports_no_code_of_a_command(environment, option):
    support = {
        f"compiled_nn.cli.support.{name}"
        for name in ("arguments", "command_line", "completion", "interrupts", "terminal", "values")
    }
    commands = {f"compiled_nn.cli.{name}" for name in COMMANDS}
    assert imported(environment, option) == commands | support | {
        "compiled_nn.cli",
        "compiled_nn.cli.support",
    }
