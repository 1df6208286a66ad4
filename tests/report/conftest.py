"""Pages of a report that many tests read."""

import numpy as np
import pytest
from reports import M, classes, classifier, regressor, report, table


@pytest.fixture(scope="session")
def page_of_classes():
    pytest.importorskip("matplotlib")
    X = table()
    details = {"command": "compiled-nn train <churn>.csv --target Churn", "seed": 0}
    return report(classifier(), X, classes(X), title="<churn>.csv", details=details)


@pytest.fixture(scope="session")
def page_of_values():
    pytest.importorskip("matplotlib")
    X = table()
    return report(regressor(), X, np.nan_to_num(X["age"], nan=40.0) * 1000, coverage=0.9)


@pytest.fixture(scope="session")
def page_of_extremes():
    """Names of 40 characters, some without a space, 30 classes and 200 columns."""
    pytest.importorskip("matplotlib")
    names = [f"column_{i:03d}_{'as_long_as_forty_characters_are':.29}" for i in range(200)]
    labels = np.array([f"{i:02d} a class of forty characters, {i:02d} is it" for i in range(30)])
    assert {len(name) for name in [*names, *labels]} == {40}
    X = table(names)
    return report(classifier(5), X, labels[np.arange(M) % 30], title="n" * 200)
