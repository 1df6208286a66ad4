"""The benchmark of models on tables, without its peers: the tables of scikit-learn, the file of rows and the report."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pandas")
pytest.importorskip("sklearn")
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="benchmarks are not here")


@pytest.fixture
def benchmark(monkeypatch):
    """Import of a module of the folder, which is forgotten after the test."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(BENCHMARKS)
    # The programs are started in their folder and import its modules from there.
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    for name in {path.stem for path in BENCHMARKS.glob("*.py")} & before:  # helpers of other tests
        monkeypatch.delitem(sys.modules, name)
    yield importlib.import_module
    for name in list(sys.modules):
        if str(BENCHMARKS) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def test_tables_of_scikit_learn(benchmark):
    data = benchmark("table_data")
    X, y, classifies = data.load("wine")
    assert X.shape == (178, 13)
    assert classifies
    assert np.array_equal(np.bincount(y), [59, 71, 48])
    X, y, classifies = data.load("diabetes")
    assert X.shape == (442, 10)
    assert not classifies
    assert y.min() == 25
    assert y.max() == 346


def test_columns_of_a_file_become_numbers_and_categories(benchmark, tmp_path):
    data = benchmark("table_data")
    data.TABLES["made"] = data.Origin("made.csv", "y", without=("id",), categories=("code",), day="date")
    text = "id,word,code,n,date,y\n1,b,7,1,2020-01-01,no\n2,,9,2.5,2020-02-01,yes\n"
    text += "3,a,7,,2020-12-31,no\n4,a,7,1,2020-01-02,\n"
    (tmp_path / "made.csv").write_text(text)
    X, y, classifies = data.load("made", tmp_path)
    assert classifies
    assert y.tolist() == [0, 1, 0]
    assert list(X) == ["word", "code", "n", "date"]
    assert X["word"].cat.categories.tolist() == ["a", "b"]
    assert X["word"].cat.codes.tolist() == [1, -1, 0]
    assert X["code"].cat.categories.tolist() == ["7", "9"]
    assert X["n"].dtype == float
    assert np.isnan(X["n"][2])
    assert X["date"].tolist() == [1, 32, 366]


def test_a_split_takes_the_same_share_of_each_class(benchmark):
    data = benchmark("table_data")
    table = data.load("wine")
    train, test = data.split(table, 3)
    assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(178))
    assert np.bincount(table.y[test]).tolist() == [12, 14, 10]
    assert not np.array_equal(data.split(table, 4)[1], test)


def row(model, table, split, **scores):
    return {
        "model": model,
        "table": table,
        "split": split,
        "classifies": "rmse" not in scores,
        "fit": 1.0,
        "predict": 0.5,
        **scores,
    }


def values(model, table, numbers, **more):
    """Rows of a table of values, one RMSE for each split."""
    return [row(model, table, split, rmse=x, r2=0.5, **more) for split, x in enumerate(numbers)]


def classes(model, table, losses, errors, auc=0.9):
    found = enumerate(zip(losses, errors, strict=True))
    return [row(model, table, i, log_loss=a, errors=b, accuracy=1 - b / 50, auc=auc) for i, (a, b) in found]


def test_scores(benchmark):
    fit = benchmark("table_fit")
    scores = fit.score_classes(
        np.array([0, 1, 1, 0]), np.array([[0.8, 0.2], [0.4, 0.6], [0.7, 0.3], [0.9, 0.1]])
    )
    assert scores["errors"] == 1
    assert scores["accuracy"] == 0.75
    assert scores["log_loss"] == pytest.approx(-np.log([0.8, 0.6, 0.3, 0.9]).mean(), rel=1e-12)
    assert scores["auc"] == 1.0
    three = fit.score_classes(np.array([0, 1, 2]), np.eye(3)[[0, 1, 1]])
    # The third row has the probabilities of the second: its class is tied with it, and so is class 2 with the rest.
    assert three["auc"] == pytest.approx((1 + 0.75 + 0.5) / 3)
    assert three["log_loss"] == pytest.approx(-np.log(1e-15) / 3, rel=1e-6)
    assert fit.score_values(np.array([1.0, 3.0]), np.array([[2.0], [3.0]])) == {"r2": 0.5, "rmse": 0.5**0.5}


def test_a_run_resumes_from_its_file(benchmark, tmp_path, monkeypatch):
    tables, rows = benchmark("tables"), benchmark("table_rows")
    path, measured = tmp_path / "rows.jsonl", []

    def measure(job, options):
        measured.append((job.label, job.table, job.split))
        return {"error": "ended with status 1"} if job.table == "digits" else {"fit": 1.0}

    monkeypatch.setattr(tables, "measure", measure)
    words = ["run", str(path), "--models", "hgb", "--tables", "digits,wine,diabetes", "--splits"]
    for n in ("1", "2"):
        options = tables.make_parser().parse_args([*words, n])
        options.action(options)
    # Small tables are first, and nothing is measured twice.
    assert measured == [("hgb", name, split) for split in (0, 1) for name in ("wine", "diabetes", "digits")]
    for more, times in (([], 0), (["--retry"], 2), (["--again"], 6)):
        measured.clear()
        options = tables.make_parser().parse_args([*words, "2", *more])
        options.action(options)
        assert len(measured) == times
    assert len(rows.read(path)) == 6
    # The end of a file whose writer was killed: the row is missing, and is removed before the next one is written.
    path.write_bytes(path.read_bytes()[:-9])
    rows.append(path, {"model": "hgb", "table": "new", "split": 0, "fit": 2.0})
    assert [each["table"] for each in rows.read(path)].count("new") == 1


def test_a_model_with_a_limit_gets_no_larger_table(benchmark, tmp_path):
    tables = benchmark("tables")
    words = [
        "run",
        "x",
        "--models",
        "tabm,mlp",
        "--tables",
        "digits,wine",
        "--variant",
        'few={"n_members": 2}',
    ]
    jobs = list(tables.jobs(tables.make_parser().parse_args(words)))
    assert [job[:4] for job in jobs if job.model == "tabm"] == [("tabm", "tabm", "wine", 0)]
    assert len([job for job in jobs if job.model == "mlp"]) == 10
    assert [job.parameters for job in jobs if job.label == "few"] == [{"n_members": 2}] * 10


def test_ablations_have_parameters_of_our_estimators(benchmark, tmp_path):
    tables, models = benchmark("tables"), benchmark("table_models")
    for label, change in models.ABLATIONS.items():
        for classifies in [True] * change.classes + [False] * change.values:
            model = models.MODELS["ours"].make(classifies, 0, **change.parameters)
            assert {name: model.get_params()[name] for name in change.parameters} == change.parameters, label
    words = ["run", "x", "--models", "hgb", "--tables", "wine,diabetes", "--splits", "1", "--ablation"]
    jobs = list(tables.jobs(tables.make_parser().parse_args(words)))
    assert [job.table for job in jobs if job.label == "no scaling of targets"] == ["diabetes"]
    assert [job.table for job in jobs if job.label == "a temperature for each member"] == ["wine"]
    assert {job.label for job in jobs} == {"hgb", *models.ABLATIONS}


def test_one_fit_in_a_process(benchmark, tmp_path):
    tables = benchmark("tables")
    words = ["run", str(tmp_path / "rows"), "--python", f"boosting={sys.executable}", "--cpu", "all"]
    options = tables.make_parser().parse_args(words)
    found = tables.measure(tables.Job("hgb", "hgb", "wine", 0, {"max_iter": 10}), options)
    assert found["accuracy"] > 0.8
    assert found["fit"] > 0
    assert found["parameters"] == {"max_iter": 10}
    assert "ended with status" in tables.measure(tables.Job("hgb", "hgb", "none", 0, {}), options)["error"]


def test_a_tie_is_a_difference_within_one_standard_error(benchmark):
    compare, group = benchmark("table_compare").compare, benchmark("table_rows").group
    rows = values("a", "won", [1.0, 2.0, 3.0]) + values("b", "won", [2.0, 3.0, 4.1])
    rows += values("a", "tied", [1.0, 2.0]) + values("b", "tied", [2.0, 1.2])
    rows += values("a", "lost", [2.0]) + values("b", "lost", [1.0, 9.0])
    found = {each.table: each for each in compare("a", "b", group(rows), "rmse")}
    assert {table: each.result for table, each in found.items()} == {
        "won": "win",
        "tied": "tie",
        "lost": "loss",
    }
    assert found["won"].ratio == pytest.approx(6 / 9.1)
    assert found["tied"].difference == pytest.approx(0.1)
    assert found["tied"].standard_error == pytest.approx(0.9)  # differences 1 and -0.8
    assert found["lost"].ratio == 2.0  # the second split has no row of a


def test_ratios_and_seconds(benchmark):
    compare, group = benchmark("table_compare"), benchmark("table_rows").group
    rows = classes("a", "x", [0.1, 0.3], [0, 0]) + classes("b", "x", [0.4, 0.4], [1, 3])
    rows += classes("a", "y", [0.8], [9]) + classes("b", "y", [0.1], [4]) + values("a", "z", [1.0])
    results = group([*rows, {"model": "b", "table": "z", "split": 0, "error": "ended"}])
    losses = compare.compare("a", "b", results, "log_loss")
    assert compare.mean_ratio(losses) == pytest.approx((0.5 * 8) ** 0.5)
    assert compare.count(losses) == (1, 0, 1)
    errors = compare.compare("a", "b", results, "errors")
    assert [each.ratio for each in errors] == [pytest.approx(0.5 / 4.5), pytest.approx(9.5 / 4.5)]
    assert compare.cpu("a", "b", results) == (2.0, 2.0)  # of both tables that both have
    assert compare.cpu("a", "b", results, "predict") == (1.0, 1.0)


def test_report_says_which_goals_are_reached(benchmark):
    report = benchmark("table_report")
    rows = classes("ours", "wine", [0.1, 0.1], [1, 1]) + classes("lightgbm", "wine", [0.2, 0.2], [1, 1])
    rows += values("ours", "Auto", [2.0, 2.1]) + values("lightgbm", "Auto", [2.0, 2.0])
    rows += values("mlp", "Auto", [1.0, 1.0]) + values("no clip", "Auto", [4.0, 4.2])
    rows += [{"model": "tabm", "table": "OJ", "split": 0, "error": "no result within 9 s"}]
    text = report.make_report(rows)
    assert "| log loss against LightGBM | 0.85 | 0.5 | reached |" in text
    assert "| RMSE against LightGBM | 0.97 | 1.02 | missed by a factor of 1.06 |" in text
    assert "| worse than scikit-learn's scaled MLP (table and score) | 0 | 1 | missed: Auto (rmse) |" in text
    assert "| no clip | 1 |  |  | 2.00 |  |  | 0/0/1 | 1.00 |" in text
    assert (
        "| LightGBM | 2 | 0.50 | 1.00 | 1.02 | 1/0/0 | 0/1/0 | 0/1/0 | 0/1/0 | 2.0 | 2.0 | 1.00 | 1.00 |"
        in text
    )
    assert "- tabm OJ 0: no result within 9 s" in text
    assert "RealMLP" not in text  # nothing was measured of it
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    assert report.put(page, text) == f"before\n{report.BEGIN}\n\n{text}\n{report.END}\nafter\n"
    with pytest.raises(ValueError, match="the page has 0 lines"):
        report.put("no marks", text)


def test_a_page_gets_the_tables_and_the_picture(benchmark, tmp_path):
    tables, report, rows = benchmark("tables"), benchmark("table_report"), benchmark("table_rows")
    for each in values("mlp", "Auto", [1.0, 2.0]):
        rows.append(tmp_path / "rows.jsonl", each)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\n{report.END}\nafter\n")
    options = tables.make_parser().parse_args(["report", str(tmp_path / "rows.jsonl"), "--docs", str(page)])
    options.action(options)
    text = page.read_text()
    assert "| Auto | **1.5000** |" in text
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "![" not in text
    (tmp_path / "tables.svg").write_text("<svg/>")
    options.action(options)
    assert page.read_text().count("](tables.svg)") == 1


def test_ranks(benchmark):
    ranks, group = benchmark("table_ranks"), benchmark("table_rows").group
    rows = []
    for i in range(12):
        rows += (
            values("a", f"t{i}", [1.0, 5.0])
            + values("b", f"t{i}", [2.0 - 1.5 * (i < 3)])
            + values("c", f"t{i}", [3.0])
        )
    found = ranks.rank(group(rows), ["c", "b", "a"])
    assert found.means == {"a": 1.25, "b": 1.75, "c": 3.0}
    assert found.tables == 12
    assert found.difference == pytest.approx(
        2.343 * (3 * 4 / (6 * 12)) ** 0.5, rel=1e-3
    )  # table 5 of Demsar 2006
    assert found.groups == [["a", "b"]]
    with pytest.raises(ValueError, match="no rows of d"):
        ranks.rank(group(rows), ["a", "d"])


def test_picture_of_ranks(benchmark, tmp_path):
    pytest.importorskip("matplotlib")
    ranks = benchmark("table_ranks")
    ranks.draw(ranks.Ranks({"ours": 1.2, "hgb": 2.0, "mlp": 2.8}, 20, 0.9), tmp_path / "ranks.svg")
    text = (tmp_path / "ranks.svg").read_text()
    assert "critical difference 0.90 (20 tables, 5%)" in text
    assert "HistGradientBoosting" in text
