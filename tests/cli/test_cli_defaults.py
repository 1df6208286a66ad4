"""Settings of ``train`` for tables, by their numbers of rows."""

import pytest
from compiled_nn.cli import main
from compiled_nn.cli.learning.defaults import of_table
from compiled_nn.estimators.tabular import recipe


@pytest.mark.parametrize(
    ("n_rows", "stops", "for_classes", "for_values"),
    [
        (19, False, 0.2, 0.2),
        (20, True, 0.2, 0.2),
        (50, True, 0.2, 0.1),
        (999, True, 0.2, 0.1),
        (1000, True, 0.1, 0.1),
    ],
)
def test_rows_that_are_held_out(n_rows, stops, for_classes, for_values):
    classes, values = (of_table(n_rows, classifies=classifies) for classifies in (True, False))
    assert classes.stops == values.stops == stops
    assert (classes.validation_fraction, values.validation_fraction) == (for_classes, for_values)


def test_large_tables_have_larger_batches_and_fewer_epochs():
    for classifies in (True, False):
        found = [of_table(n_rows, classifies=classifies) for n_rows in (1000, 20_001, 200_001, 10**7)]
        sizes, epochs = ([getattr(each, name) for each in found] for name in ("batch_size", "epochs"))
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[-1]
        assert epochs[1:] == [60, 49, 10]


def test_small_tables_have_more_epochs():
    epochs = [of_table(n_rows, classifies=True).epochs for n_rows in (30, 300, 3000)]
    assert epochs[0] > epochs[1] >= epochs[2] == 60


def test_the_settings_are_those_of_the_tabular_estimators():
    for classifies in (True, False):
        one, of_members = of_table(500, classifies=classifies), recipe.settings(classifies=classifies)
        for name in ("activation", "dropout", "norm", "standardize", "weight_decay", "ema"):
            assert getattr(one, name) == getattr(of_members, name)


def test_the_help_names_the_settings_of_tables(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    small, large = recipe.Size(500, 20, 2), recipe.Size(5000, 100, 2)
    members = [recipe.make_plan(size).n_members for size in (small, large)]
    sizes = [recipe.batch_size(n_rows) for n_rows in (2000, 2001, 10**7)]
    epochs = recipe.wanted_epochs(10**7, sizes[-1])
    steps, most, least = (
        recipe.wanted_epochs(100, 50) * 2,
        recipe.wanted_epochs(1, 1),
        recipe.patience(10**7, 640),
    )
    classes, values = (recipe.settings(classifies=classifies) for classifies in (True, False))
    assert f"(default: {members[0]}, or {members[1]} and fewer for larger tables" in text
    assert f"for a table {sizes[0]}, and for more than 2,000 rows {sizes[1]} up to {sizes[2]})" in text
    assert f"for a table {epochs}, or as many as {steps} steps need, but {most} at most" in text
    assert f"for a table of 20 rows or more {least}, or as many as {recipe.patience(1, 1)} steps need" in text
    assert values.dropout == 0
    assert f"for a table {classes.dropout} for classes)" in text
    assert classes.standardize == values.standardize
    assert f"(default: {classes.standardize} for the numbers of a table" in text
