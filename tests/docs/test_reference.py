"""docs/reference: terms, questions and errors are short, sorted and complete, and their links lead to headings."""

import re
from pathlib import Path

import messages
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


class TestErrors:
    """The error index, and the list of all messages."""

    def test_every_message_is_listed(self):
        """`python tests/helpers/messages.py` writes the page, with a line for each text that is raised."""
        assert text_of(messages.PAGE) == messages.page()

    def test_every_chapter_has_a_subject(self):
        chapters = {chapter for subject in messages.SUBJECTS for chapter in subject.chapters}
        folders = {path.name for path in messages.PACKAGE.iterdir() if (path / "__init__.py").exists()}
        assert chapters - {".", "cnn_core"} == folders

    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ('raise ValueError(f"{name} has {n} rows.")', ["... has ... rows."]),
            ('raise TypeError("no rows" if x else f"{x} rows are left")', ["no rows", "... rows are left"]),
            ('warnings.warn("the rows are\\n left out", UserWarning)', ["the rows are left out"]),
            ("raise KeyError(name)", []),
        ],
    )
    def test_texts_of_messages(self, source, expected, tmp_path):
        file = tmp_path / "file.py"
        file.write_text(source)
        assert messages.messages_in(file) == expected

    def test_texts_of_messages_in_cython(self, tmp_path):
        file = tmp_path / "file.pyx"
        file.write_text(
            'cdef int f() except -1:\n    raise ValueError(f"{x} rows are "\n                     "left")\n'
        )
        assert messages.messages_in(file) == ["... rows are left"]

    def test_every_entry_has_a_program_or_words_of_a_message(self):
        """Programs print the message; three successive words of other titles are in the list or in the code."""
        subjects = re.split(r"^## ", text_of(FOLDER / "errors.md"), flags=re.MULTILINE)
        entries = [
            entry for subject in subjects for entry in re.split(r"^### ", subject, flags=re.MULTILINE)[1:]
        ]
        listed = " ".join(text_of(messages.PAGE).split())
        sources = [*messages.PACKAGE.rglob("*.py"), *(messages.ROOT / "cnn_core").rglob("*.pyx")]
        texts = " ".join(path.read_text(encoding="utf-8") for path in sources)
        listed += re.sub(r"""["']\s+f?["']""", "", texts)
        without = [entry.split("\n")[0] for entry in entries if "\n```text\n" not in entry]
        assert len(entries) > 120
        for title in without:
            words = title.rstrip(".").split()
            triples = [" ".join(words[i : i + 3]) for i in range(len(words) - 2)]
            assert any(triple in listed for triple in triples), title

    def test_entries_are_in_alphabetical_order(self):
        for subject in re.split(r"^## ", text_of(FOLDER / "errors.md"), flags=re.MULTILINE):
            titles = re.findall(r"^### (.+)$", subject, re.MULTILINE)
            keys = [re.sub(r"[^a-z0-9 ]", "", title.lower()).strip() for title in titles]
            assert keys == sorted(keys)

    def test_links_of_the_page_lead_to_its_entries(self):
        table = text_of(FOLDER / "errors.md").split("## Classes of errors")[0]
        anchors = re.findall(r"\]\(#([^)]+)\)", table)
        assert len(anchors) == 20
        assert set(anchors) <= headings(FOLDER / "errors.md")
