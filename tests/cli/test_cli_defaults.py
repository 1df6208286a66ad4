"""Settings of ``train`` for tables, by their numbers of rows."""

import pytest
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


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "epochs"),
    [
        (2000, 32, 60),
        (2001, 64, 60),
        (20_001, 128, 60),
        (50_001, 256, 60),
        (200_001, 512, 49),
        (10**7, 512, 10),
    ],
)
def test_large_tables_have_larger_batches_and_fewer_epochs(n_rows, batch_size, epochs):
    for classifies in (True, False):
        settings = of_table(n_rows, classifies=classifies)
        assert (settings.batch_size, settings.epochs) == (batch_size, epochs)


def test_small_tables_have_more_epochs():
    epochs = [of_table(n_rows, classifies=True).epochs for n_rows in (30, 300, 3000)]
    assert epochs[0] > epochs[1] >= epochs[2] == 60


def test_the_settings_are_those_of_the_tabular_estimators():
    for classifies in (True, False):
        one, of_members = of_table(500, classifies=classifies), recipe.settings(classifies=classifies)
        for name in ("activation", "dropout", "norm", "standardize", "weight_decay", "ema"):
            assert getattr(one, name) == getattr(of_members, name)
