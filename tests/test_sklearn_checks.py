"""scikit-learn's own checks of an estimator."""

import compiled_nn as cnn
import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import check_estimator

# Rows that count double and rows given twice are sums in another order, and it compares to 1e-7.
IN_FLOAT32 = {
    f"check_sample_weight_equivalence_on_{kind}_data": "rounding of float32; float64 passes"
    for kind in ("dense", "sparse")
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("estimator", [cnn.MLPClassifier, cnn.MLPRegressor])
def test_every_check_passes(estimator, dtype):
    expected = IN_FLOAT32 if dtype == "float32" else {}
    results = check_estimator(
        estimator(max_iter=100, dtype=dtype), expected_failed_checks=expected, on_fail=None, on_skip=None
    )
    failed = [(one["check_name"], one["exception"]) for one in results if one["status"] == "failed"]
    assert not failed
    assert sum(one["status"] == "passed" for one in results) > 50
