"""docs/reference: the glossary and the questions are short, sorted or grouped, and their links lead to headings."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
GLOSSARY, QUESTIONS = FOLDER / "glossary.md", FOLDER / "faq.md"
LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]+))?\)")

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="this copy of the sources has no docs")


def text_of(path):
    return path.read_text(encoding="utf-8") if path.exists() else ""


def entries():
    """Return the terms of the glossary with their explanations."""
    return re.findall(r"^## (.+)\n\n((?:.+\n)+)", text_of(GLOSSARY), re.MULTILINE)


def questions():
    """Return the questions with their answers, without blocks of code."""
    text = re.sub(r"^```.*?^```$", "", text_of(QUESTIONS), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^### (.+)\n((?:(?!##).*\n)+)", text, re.MULTILINE)


def headings(path):
    """Return the anchors of the headings of a page, as GitHub and MyST derive them."""
    lines = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def check_links(words):
    links = LINK.findall(words)
    assert links
    for path, anchor in links:
        target = (FOLDER / path).resolve()
        assert target.exists(), path
        assert not anchor or anchor in headings(target), f"{path}#{anchor}"


def test_terms_are_sorted_and_complete():
    terms = [term for term, _ in entries()]
    assert terms == sorted(terms, key=str.lower)
    assert len(terms) >= 60
    assert len(terms) == len(set(terms)) == text_of(GLOSSARY).count("\n## ")


@pytest.mark.parametrize(("term", "words"), entries(), ids=[term for term, _ in entries()])
def test_a_term_has_two_sentences_and_a_link(term, words):
    assert len(words.split()) <= 50
    check_links(words)


def test_there_are_at_least_25_questions():
    assert len(questions()) == text_of(QUESTIONS).count("\n### ") >= 25


@pytest.mark.parametrize(("question", "answer"), questions(), ids=[question for question, _ in questions()])
def test_an_answer_is_short_and_has_a_link(question, answer):
    assert len(answer.split()) <= 120
    check_links(answer)
