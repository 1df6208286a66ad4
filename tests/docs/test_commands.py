"""Commands in README and docs: each is run, or its files and options are compared with what exists."""

import shlex

import pytest
from page_commands import CHECKED, check, commands, lines_of, reason, without_assignments
from page_reader import examples
from pages import PAGES, blocks_of


@pytest.mark.parametrize("block", blocks_of("sh", "transcript"), ids=lambda block: block.name)
def test_commands_are_run_or_have_the_options_shown(block):
    """`reason` raises an error for a command that is neither run nor checked; test_examples.py runs the others."""
    for line in lines_of(block):
        if reason(line) is None:
            assert line in [example.text for example in examples(block.page)]
        check(shlex.split(without_assignments(line), comments=True))


def test_a_command_without_a_rule_is_an_error():
    with pytest.raises(LookupError, match="neither in RUN nor in CHECKED"):
        reason("rm -r docs")


def test_every_rule_has_a_reason():
    assert all(CHECKED.values())


def test_the_commands_are_seen():
    seen = {words[0] for page in PAGES for words in commands(page)}
    assert {"pip", "compiled-nn", "pytest"} <= seen
