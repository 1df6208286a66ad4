"""Pictures of classes, planes and functions, and properties of all displays. matplotlib is optional."""

import subprocess
import sys

import compiled_nn as cnn
import networks
import numpy as np
import pytest
import reference
from compiled_nn import plotting, rates
from compiled_nn.plotting import (
    ActivationDisplay,
    ConfusionMatrixDisplay,
    DecisionBoundaryDisplay,
    ImageGridDisplay,
    LossFunctionDisplay,
    PredictionGridDisplay,
    ProbabilityBarsDisplay,
    WeightImagesDisplay,
)
from figures import IMAGES, Table, texts, written
from small import blobs, classifier, regressor

CLOUDS, CLASSES = blobs(m=60, k=2)
TREES = ("oak", "beech", "ash")


@pytest.fixture(autouse=True)
def figure():
    """A figure made without pyplot, as a user's application may have it."""
    return pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed").Figure()


@pytest.fixture(scope="module")
def net():
    return classifier().fit(CLOUDS, CLASSES, epochs=20)


# ---- confusion


def counted(true, predicted, n):
    """The confusion matrix, sample by sample."""
    counts = [[0] * n for _ in range(n)]
    for i, j in zip(true, predicted, strict=True):
        counts[i][j] += 1
    return np.array(counts)


def test_confusion(net, tmp_path):
    display = ConfusionMatrixDisplay.from_estimator(net, CLOUDS, CLASSES, class_names=TREES)
    expected = counted(CLASSES, net.predict(CLOUDS), 3)
    np.testing.assert_array_equal(display.matrix, expected)
    np.testing.assert_array_equal(display.image_.get_array(), expected)
    assert [text.get_text() for text in display.texts_] == [str(n) for n in expected.ravel()]
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == list(TREES)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("predicted", "true")
    assert written(display, tmp_path / "confusion.png") > 1000


@pytest.mark.parametrize(("normalize", "axis"), [("true", 1), ("pred", 0), ("all", None)])
def test_confusion_in_shares(normalize, axis):
    true, predicted = ["b", "b", "c", "c", "c"], ["b", "c", "c", "c", "b"]
    display = ConfusionMatrixDisplay.from_predictions(
        true, predicted, labels=["a", "b", "c"], normalize=normalize
    )
    counts = np.array([[0, 0, 0], [0, 1, 1], [0, 1, 2]])
    total = counts.sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(display.matrix, np.where(total == 0, 0, counts / np.maximum(total, 1)))
    assert display.texts_[0].get_text() == "0"
    assert display.texts_[4].get_text() == f"{display.matrix[1, 1]:.2f}"


def test_numbers_stand_out_from_their_cells():
    display = ConfusionMatrixDisplay([[1000, 0], [3, 5]], names=["a", "b"]).plot()
    assert [text.get_color() for text in display.texts_] == ["white", "black", "black", "black"]


def test_confusion_of_many_classes(tmp_path):
    labels = np.arange(60)
    display = ConfusionMatrixDisplay.from_predictions(labels, labels)
    assert display.texts_ == []
    assert len(display.figure_.axes) == 2  # with a scale of the colours
    assert len(display.ax_.get_yticklabels()) <= 40
    written(display, tmp_path / "many.png")


def test_bad_confusion(net):
    with pytest.raises(ValueError, match=r"'normalize' parameter .* Did you mean 'true'"):
        ConfusionMatrixDisplay.from_predictions([0, 1], [0, 1], normalize="True")
    with pytest.raises(ValueError, match=r"shape \(2, 3\); there are 2 names"):
        ConfusionMatrixDisplay(np.zeros((2, 3)), names=["a", "b"])
    with pytest.raises(ValueError, match=r"y_true has shape \(2, 2\); expected one label per row"):
        ConfusionMatrixDisplay.from_predictions(np.eye(2), [0, 1])


# ---- boundary


def test_boundary_of_three_classes(net, tmp_path):
    display = DecisionBoundaryDisplay.from_estimator(
        net, CLOUDS, CLASSES, class_names=TREES, resolution=30, margin=0.5
    )
    reach = np.ptp(CLOUDS.astype(float), axis=0) / 2
    for x, low, high, beyond in zip(
        (display.x0, display.x1), CLOUDS.min(axis=0), CLOUDS.max(axis=0), reach, strict=True
    ):
        np.testing.assert_allclose([x[0], x[-1]], [low - beyond, high + beyond], rtol=1e-6)
    point = [[display.x0[7], display.x1[20]]]
    np.testing.assert_allclose(display.response[20, 7], net.predict_proba(point)[0], rtol=1e-5)
    drawn = display.surface_.get_array()
    assert drawn[20, 7] == net.predict(point)[0]
    assert [len(points.get_offsets()) for points in display.points_] == [20, 20, 20]
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == list(TREES)
    shapes = {points.get_paths()[0].vertices.tobytes() for points in display.points_}
    assert len(shapes) == 3  # told apart in gray
    assert written(display, tmp_path / "boundary.png") > 1000


def test_boundary_of_two_classes(tmp_path):
    xor = cnn.datasets.xor()
    net = cnn.Network(
        [cnn.Dense(4, "tanh"), cnn.Dense(1)], loss="binary_cross_entropy", seed=1, optimizer=cnn.Adam(0.05)
    ).fit(xor.X_train, xor.y_train, epochs=300)
    display = DecisionBoundaryDisplay.from_estimator(net, xor.X_train, xor.y_train, resolution=20)
    point = [[display.x0[3], display.x1[15]]]
    assert display.response[15, 3] == pytest.approx(net.predict_proba(point)[0, 1], rel=1e-5)
    assert display.surface_.get_clim() == (0, 1)
    assert display.figure_.axes[1].get_ylabel() == "probability of 1"
    assert written(display, tmp_path / "xor.png") > 1000


def test_boundary_of_values(tmp_path):
    net = regressor().fit(CLOUDS, CLOUDS[:, 0], epochs=5)
    display = DecisionBoundaryDisplay.from_estimator(
        net, CLOUDS, CLOUDS[:, 0], resolution=20, feature_names=["length", "width"], s=9
    )
    point = [[display.x0[3], display.x1[15]]]
    assert display.response[15, 3] == pytest.approx(net.predict(point)[0], rel=1e-5, abs=1e-6)
    assert display.ax_.get_xlabel() == "length"
    assert display.points_[0].get_sizes().tolist() == [9]
    written(display, tmp_path / "values.png")


def test_boundary_of_another_library(tmp_path):
    X = np.array([[-1.0, 2.0], [1.0, 2.0]])  # the second column is constant
    display = DecisionBoundaryDisplay.from_estimator(Table(), X, resolution=10)
    np.testing.assert_array_equal(display.response, np.tile(display.x0 > 0, (10, 1)))
    assert display.points_ == []
    written(display, tmp_path / "table.png")


def test_boundary_that_is_not_there():
    """A network that says the same of every point has no line, and no warning of it."""
    X = [[0.0, 0.0], [1.0, 1.0]]
    one = cnn.Network([cnn.Dense(1, init="zeros")], loss="binary_cross_entropy").fit(X, [0, 1], epochs=0)
    one.set_weights([(np.zeros((2, 1)), [-3.0])])
    many = cnn.Network([cnn.Dense(3)]).fit(X, np.eye(3)[:2], epochs=0)
    many.set_weights([(np.zeros((2, 3)), [1.0, 0.0, 0.0])])
    for net in (one, many):
        display = DecisionBoundaryDisplay.from_estimator(net, X, [0, 1], resolution=5)
        assert not [c for c in display.ax_.collections if c not in display.points_]


def test_regions_are_named_without_samples(net, tmp_path):
    """Each name stands inside its region."""
    display = DecisionBoundaryDisplay.from_estimator(net, CLOUDS, class_names=TREES, resolution=40)
    assert display.ax_.get_legend() is None
    assert texts(display.ax_) == list(TREES)
    for text in display.ax_.texts:
        (x0, x1) = text.get_position()
        assert TREES[net.predict([[x0, x1]])[0]] == text.get_text()
        row, column = np.searchsorted(display.x1, x1), np.searchsorted(display.x0, x0)
        around = display.surface_.get_array()[row - 1 : row + 2, column - 1 : column + 2]
        assert around.size == 9
        assert len(set(around.ravel())) == 1
    written(display, tmp_path / "regions.png")


def test_twelve_classes_look_different(tmp_path):
    X, y = blobs(m=120, k=2, n=12)
    net = classifier(12).fit(X, y, epochs=5)
    display = DecisionBoundaryDisplay.from_estimator(net, X, y, resolution=20)
    looks = {
        (points.get_paths()[0].vertices.tobytes(), points.get_facecolor().tobytes())
        for points in display.points_
    }
    assert len(looks) == 12
    written(display, tmp_path / "twelve.png")


def test_bad_boundaries(net):
    with pytest.raises(ValueError, match="X has 4 columns; a decision boundary is drawn over 2"):
        DecisionBoundaryDisplay.from_estimator(net, np.ones((3, 4)))
    with pytest.raises(ValueError, match="X has 60 rows; y has 2"):
        DecisionBoundaryDisplay.from_estimator(net, CLOUDS, [0, 1])
    with pytest.raises(ValueError, match="feature_names has 1 name; there are 2 features"):
        DecisionBoundaryDisplay.from_estimator(net, CLOUDS, feature_names=["a"])
    with pytest.raises(ValueError, match="'resolution' parameter"):
        DecisionBoundaryDisplay.from_estimator(net, CLOUDS, resolution=1)
    with pytest.raises(cnn.NotFittedError):
        DecisionBoundaryDisplay.from_estimator(classifier(), CLOUDS)
    two = regressor(2).fit(CLOUDS, CLOUDS, epochs=1)
    with pytest.raises(ValueError, match="The estimator predicts 2 values per row; only one can be drawn"):
        DecisionBoundaryDisplay.from_estimator(two, CLOUDS)


# ---- activations


@pytest.mark.parametrize("name", [*networks.HIDDEN, *networks.UNFUSED])
def test_activation(name, tmp_path):
    display = ActivationDisplay.from_name(name, limit=4)
    f, derivative = reference.ACTIVATIONS[name]
    z = np.linspace(-4, 4, 601)
    np.testing.assert_allclose(display.lines_[0].get_xdata(), z)
    np.testing.assert_allclose(display.lines_[0].get_ydata(), f(z), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(display.lines_[1].get_ydata(), derivative(z), rtol=1e-9, atol=1e-12)
    assert display.ax_.get_title() == name
    assert len({line.get_linestyle() for line in display.lines_}) == 2
    assert written(display, tmp_path / "f.png") > 1000
    assert len(display.plot(derivative=False).lines_) == 1


def test_bad_activations():
    with pytest.raises(ValueError, match="Did you mean 'sigmoid'"):
        ActivationDisplay.from_name("sigmoyd")
    with pytest.raises(ValueError, match="must be a str among"):
        ActivationDisplay.from_name("softmax")
    with pytest.raises(TypeError, match="'derivative' parameter of plot must be a bool"):
        ActivationDisplay.from_name("relu", derivative=1)


# ---- losses


@pytest.mark.parametrize("name", ["binary_cross_entropy", "softmax_cross_entropy", "mse"])
def test_loss_function(name, tmp_path):
    display = LossFunctionDisplay.from_name(name, linewidth=3)
    x = display.predicted
    if name == "mse":
        expected = [[reference.LOSSES["mse"][0](np.array([[error]]), 0) for error in x]]
    else:
        expected = [-np.log(x), -np.log(1 - x)][: 2 if name == "binary_cross_entropy" else 1]
    assert len(display.lines_) == len(expected)
    for line, y in zip(display.lines_, expected, strict=True):
        np.testing.assert_allclose(line.get_ydata(), y, rtol=1e-9, atol=1e-12)
        assert line.get_linewidth() == 3
    assert (display.ax_.get_legend() is not None) == (name == "binary_cross_entropy")
    assert written(display, tmp_path / "loss.png") > 1000
    with pytest.raises(ValueError, match="Did you mean 'mse'"):
        LossFunctionDisplay.from_name("msee")


def test_loss_function_of_given_values():
    display = LossFunctionDisplay("poisson", predicted=np.ones(2), losses={"y = 1": np.zeros(2)}).plot()
    assert display.ax_.get_xlabel() == "predicted value"
    with pytest.raises(ValueError, match=r"LossFunctionDisplay.*Did you mean 'huber'"):
        LossFunctionDisplay("hubber", predicted=np.ones(2), losses={})


# ---- all


DRAWN = {
    "ActivationDisplay": lambda: ActivationDisplay.from_name("relu"),
    "CalibrationDisplay": lambda: plotting.CalibrationDisplay.from_predictions([0, 1], [0.2, 0.7]),
    "ConfusionMatrixDisplay": lambda: ConfusionMatrixDisplay([[1]], names=["a"]).plot(),
    "DecisionBoundaryDisplay": lambda: DecisionBoundaryDisplay.from_estimator(Table(), [[0, 1], [1, 0]]),
    "ImageGridDisplay": lambda: ImageGridDisplay(IMAGES).plot(),
    "IntervalDisplay": lambda: plotting.IntervalDisplay.from_predictions([1, 2], [0, 1], [2, 3]),
    "LearningCurveDisplay": lambda: plotting.LearningCurveDisplay(
        train_sizes=np.array([2, 4]), train_scores=np.ones((2, 1)), validation_scores=np.zeros((2, 1))
    ).plot(),
    "LossCurveDisplay": lambda: plotting.LossCurveDisplay(epochs=[1], loss=[1.0]).plot(),
    "LossFunctionDisplay": lambda: LossFunctionDisplay.from_name("mse"),
    "PartialDependenceDisplay": lambda: plotting.PartialDependenceDisplay(
        values=np.arange(3.0), individual=np.eye(3), name="age"
    ).plot(),
    "PermutationImportanceDisplay": lambda: plotting.PermutationImportanceDisplay(
        np.eye(2), names=["a", "b"]
    ).plot(),
    "PrecisionRecallDisplay": lambda: plotting.PrecisionRecallDisplay.from_predictions([0, 1], [0.2, 0.7]),
    "PredictionErrorDisplay": lambda: plotting.PredictionErrorDisplay.from_predictions([1, 2], [1, 3]),
    "PredictionGridDisplay": lambda: PredictionGridDisplay.from_predictions(IMAGES, [0] * 6, [0] * 6),
    "ProbabilityBarsDisplay": lambda: ProbabilityBarsDisplay.from_predictions([1.0]),
    "RocCurveDisplay": lambda: plotting.RocCurveDisplay.from_predictions([0, 1], [0.2, 0.7]),
    "ScoreCurveDisplay": lambda: plotting.ScoreCurveDisplay(epochs=[1], score=[1.0]).plot(),
    "WeightImagesDisplay": lambda: WeightImagesDisplay(IMAGES / 9).plot(),
}


@pytest.mark.parametrize("name", plotting.__all__)
def test_manners_of_displays(name, figure, monkeypatch):
    """As scikit-learn's: plot returns the display, draws where it is told, keeps axes and figure."""
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)  # of another test
    display = DRAWN[name]()
    assert display.figure_ is display.ax_.figure
    ax = figure.subplots()
    assert display.plot(ax=ax) is display
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.parametrize("name", plotting.__all__)
def test_matplotlib_absent(name, monkeypatch):
    for module in [module for module in sys.modules if module.split(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'plotting needs matplotlib; pip install "compiled-nn\[plot\]"'):
        DRAWN[name]()


@pytest.mark.parametrize("name", plotting.__all__)
def test_a_notebook_shows_the_picture(name, figure, monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)  # of another test
    png = DRAWN[name]()._repr_png_()
    assert png.startswith(b"\x89PNG\r\n")
    assert len(png) > 1000
    assert "matplotlib.pyplot" not in sys.modules


def test_what_a_notebook_does_not_show_yet(figure):
    assert LossFunctionDisplay("mse", predicted=np.zeros(1), losses={})._repr_png_() is None


def test_a_notebook_shows_the_whole_figure_of_the_axes(figure):
    """Also where a display is drawn into a part of a figure."""
    figure.set_size_inches(8, 3)
    left, right = figure.subfigures(1, 2)
    display = DRAWN["ActivationDisplay"]().plot(left.subplots())
    DRAWN["ActivationDisplay"]().plot(right.subplots())
    size = np.frombuffer(display._repr_png_()[16:24], ">u4")
    assert size.tolist() == [800, 300]


NOTEBOOK = """
import matplotlib
matplotlib.use("Agg")
from matplotlib import pyplot
from compiled_nn.plotting import ActivationDisplay
figure, ax = pyplot.subplots()
display = ActivationDisplay.from_name("relu", ax=ax)
shown = [display._repr_png_()]
pyplot.close(figure)
print(shown == [None], display._repr_png_()[:4])
"""


def test_a_notebook_shows_a_figure_of_pyplot_once():
    """An open one is shown by pyplot, as at the end of a cell, and then closed; later cells show the display."""
    command = [sys.executable, "-W", "error", "-c", NOTEBOOK]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == r"True b'\x89PNG'"


def test_a_range_test_shows_its_curve(monkeypatch):
    result = rates.find_learning_rate(classifier(), CLOUDS, CLASSES, steps=40)
    assert result._repr_png_().startswith(b"\x89PNG")
    assert repr(result).startswith(f"RangeTest(suggestion={result.suggestion:.2g}; ")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert result._repr_png_() is None
