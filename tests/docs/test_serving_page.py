"""Pages that show `compiled-nn serve` with requests: the service is started, and answers as the page shows."""

import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from page_commands import commands
from page_reader import differences, examples
from pages import PAGES, blocks_of

REQUESTS = [block for block in blocks_of("transcript") if re.search(r"^\$ curl ", block.text, re.MULTILINE)]


@pytest.fixture
def port(request, readers):
    """Port of the service that the page of a block starts, in the folder of the page."""
    for module in ("fastapi", "uvicorn", "prometheus_client"):
        pytest.importorskip(module)
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    page = request.node.callspec.params["block"].page
    readers(page).read_until(len(PAGES[page].splitlines()))
    serve = next(words for words in commands(page) if words[:2] == ["compiled-nn", "serve"])
    files = [word for word in serve[2:] if word.endswith(".safetensors")]
    command = [sys.executable, "-m", "compiled_nn", "serve", *files, "--port", "0"]
    process = subprocess.Popen(command, cwd=readers(page).folder, stderr=subprocess.PIPE, text=True)
    try:
        first = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", first)
        assert found, first + process.stderr.read()
        yield found[1]
    finally:
        process.terminate()
        process.communicate(timeout=60)


def one_line(answer):
    """Return JSON in its usual form: a page may break an answer into lines."""
    return json.dumps(json.loads(answer))


@pytest.mark.parametrize("block", REQUESTS, ids=lambda block: block.name)
def test_requests_are_answered_as_shown(block, port, readers):
    text = block.text.replace("\\\n", " ")
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        words = shlex.split(re.sub(r"127\.0\.0\.1:\d+|localhost:\d+", f"127.0.0.1:{port}", command))
        done = subprocess.run(
            [*words, "--silent"], cwd=readers(block.page).folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        found = differences([one_line("\n".join(shown))], [one_line(done.stdout)])
        assert found is None, f"{found}\n-- the answer:\n{done.stdout}"


def test_pages_with_requests_start_a_service():
    for block in REQUESTS:
        assert any(words[:2] == ["compiled-nn", "serve"] for words in commands(block.page)), block.name
    assert not [example for page in PAGES for example in examples(page) if example.text.startswith("curl ")]
