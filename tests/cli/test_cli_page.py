"""train --report: the page about the model."""

import html
import json
import re

import pytest
from compiled_nn.cli import main

pytest.importorskip("matplotlib")


def test_the_page_of_train(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = [f"C{i:04d},{i % 7},{'<b>' if i % 3 else 'x'},{'yes' if i % 7 > 3 else 'no'}" for i in range(120)]
    (tmp_path / "a b.csv").write_text("\n".join(["key,<i>,kind,Churn", *lines]), encoding="utf-8")
    command = ["train", "a b.csv", "--target", "Churn", "--report", "page.html", "--epochs", "5", "--no-plot"]
    assert main(command) == 0
    first = (tmp_path / "page.html").read_bytes()
    page = first.decode()
    assert html.escape("compiled-nn train 'a b.csv' --target Churn --report page.html") in page
    assert (
        "96 to train on (each is held out once, in 10 folds), 24 to test with (drawn at random, with the same share of "
        "each class)" in page
    )
    assert "left out: its values are all different" in page
    assert "&lt;i&gt;" in page
    assert "<i>" not in page
    printed = capsys.readouterr().out
    assert re.search(r"^report +page\.html$", printed, re.M)
    for words in (
        "trains for 5 epochs, and keeps the best weights",
        "falling to 0, batches of ",
    ):
        assert words in " ".join(printed.split())
        assert words in page
    assert not re.search(
        r"\b(True|False|None)\b", re.sub(r"<svg.*?</svg>", "", page.partition("<h2>Model")[0], flags=re.S)
    )
    score = re.search(r"test accuracy\s+([\d.]+)", printed).group(1)
    assert f'<th scope="row">accuracy</th><td class="number">{score[:5]}</td>' in page
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"] == "page.html"
    assert main(command) == 0
    assert (tmp_path / "page.html").read_bytes() == first


def test_intervals_in_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"{i % 17},{i % 5},{i % 17 * 2.5 + i % 3}" for i in range(200)]
    (tmp_path / "a.csv").write_text("\n".join(["u,v,w", *lines]), encoding="utf-8")
    options = [
        "--target",
        "w",
        "--report",
        "page.html",
        "--epochs",
        "5",
        "--interval",
        "0.8",
        "--metric",
        "mae",
        "-q",
    ]
    assert main(["train", "a.csv", *options]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Intervals that shall contain the value of 80% of the rows do so in" in page
    assert "200 training rows" not in page
    assert "160 training rows" in page
    assert "mean absolute error (mae), lower is better" in page
    assert "How much worse the mean absolute error becomes" in page


def test_a_page_that_cannot_be_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "digits", "--report", "none/page.html"]) == 1
    assert "none/page.html cannot be written: there is no folder none" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["train", "digits", "--report", "page.pdf"])
