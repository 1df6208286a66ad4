"""Pictures of images and of what was predicted for them. matplotlib is optional."""

import io

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.plotting import (
    ImageGridDisplay,
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


@pytest.fixture(scope="module")
def looker():
    """A network of images of 4 x 5 pixels, with classes that are words."""
    return classifier(hidden=4).fit(IMAGES, ["oak", "elm", "ash"] * 2, epochs=1)


# ---- images


def test_image_grid(tmp_path):
    y = ["b", "a", "a", "b", "b", "a"]
    display = ImageGridDisplay.from_images(IMAGES, y, class_names=["Ada", "Bo"], n_images=5)
    assert texts(display.ax_) == ["Bo", "Ada", "Ada", "Bo", "Bo"]
    assert len(display.images_) == 5
    for drawn, image in zip(display.images_, IMAGES, strict=False):
        np.testing.assert_array_equal(drawn.get_array(), image)
        assert drawn.get_clim() == (0, 255)
    assert written(display, tmp_path / "grid.png") > 1000


@pytest.mark.parametrize(
    ("X", "image_shape", "shape"),
    [
        (np.ones((3, 16)), None, (3, 4, 4)),
        (np.ones((3, 12), "uint8"), (2, 6), (3, 2, 6)),
        (np.ones((3, 12)), (2, 2, 3), (3, 2, 2, 3)),
        (np.ones((3, 4, 5, 1)), None, (3, 4, 5)),
        (np.ones((3, 4, 5, 4), bool), None, (3, 4, 5, 4)),
        (np.full((3, 4, 5, 3), 255), None, (3, 4, 5, 3)),
        ([[[0.5, -3.0]]], None, (1, 1, 2)),
    ],
)
def test_what_is_an_image(X, image_shape, shape):
    display = ImageGridDisplay.from_images(X, image_shape=image_shape)
    assert display.images.shape == shape
    assert len(display.images_) == shape[0]
    display.figure_.savefig(io.BytesIO())


@pytest.mark.parametrize(
    ("X", "image_shape", "message"),
    [
        (np.ones((3, 15)), None, "X has 15 columns; images of 3 x 3 have 9"),
        (np.ones((3, 16)), (3, 5), "X has 16 columns; images of 3 x 5 have 15"),
        (np.ones((3, 4, 5, 2)), None, r"X has shape \(3, 4, 5, 2\)"),
        (np.ones(5), None, r"X has shape \(5,\)"),
        (np.full((2, 4, 5, 3), 2.0), None, "X has values from 2 to 2; colours in float64 are from 0 to 1"),
        (np.full((2, 4, 5, 3), -1), None, "X has values from -1 to -1; colours in int64 are from 0 to 255"),
        (np.full((2, 4, 5), np.nan), None, "Input X contains NaN"),
        (np.ones((0, 4, 5)), None, "X is empty"),
    ],
)
def test_what_is_none(X, image_shape, message):
    with pytest.raises(ValueError, match=message):
        ImageGridDisplay.from_images(X, image_shape=image_shape)


def test_text_is_no_image():
    with pytest.raises(TypeError, match="images hold real numbers"):
        ImageGridDisplay.from_images([["a"]])


def test_bad_arguments_of_grids(net, looker):
    with pytest.raises(ValueError, match="X has 6 rows; y has 2"):
        ImageGridDisplay.from_images(IMAGES, [0, 1])
    with pytest.raises(ValueError, match="class_names has 3 names; there are 2 classes"):
        ImageGridDisplay.from_images(IMAGES, [0, 1] * 3, class_names=TREES)
    with pytest.raises(ValueError, match="'n_images' parameter of from_images must be an int >= 1"):
        ImageGridDisplay.from_images(IMAGES, n_images=0)
    with pytest.raises(ValueError, match="'columns' parameter of plot"):
        ImageGridDisplay.from_images(IMAGES, columns=0)
    with pytest.raises(ValueError, match="images has 6 rows; titles has 1"):
        ImageGridDisplay(IMAGES, titles=["a"])
    with pytest.raises(ValueError, match="X has 6 rows; y has 5"):
        PredictionGridDisplay.from_estimator(looker, IMAGES, ["oak"] * 5)
    with pytest.raises(ValueError, match="`y` has classes not in"):
        PredictionGridDisplay.from_estimator(looker, IMAGES, ["yew"] * 6)
    with pytest.raises(ValueError, match="the Network has no 'classes_'"):
        PredictionGridDisplay.from_estimator(regressor().fit(CLOUDS, CLASSES, epochs=1), IMAGES, CLASSES)
    with pytest.raises(cnn.NotFittedError):
        PredictionGridDisplay.from_estimator(classifier(), IMAGES, CLASSES[:6])


def test_nothing_of_the_caller_changes():
    kept = IMAGES.astype(float)
    before = kept.copy()
    ImageGridDisplay.from_images(kept)
    np.testing.assert_array_equal(kept, before)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 10, 12, 25, 100])
def test_grids_waste_no_row(n):
    images = np.zeros((n, 3, 3))
    display = ImageGridDisplay.from_images(images, n_images=n)
    tops = {image.get_extent()[3] for image in display.images_}
    lefts = {image.get_extent()[0] for image in display.images_}
    assert len(tops) * len(lefts) - n < len(tops)
    assert len(tops) <= len(lefts)


def test_given_axes(figure, looker):
    axes = figure.subplots(1, 2)
    display = ImageGridDisplay.from_images(IMAGES, ax=axes[0], columns=2, cmap="viridis")
    assert display.ax_ is axes[0]
    assert display.figure_ is figure
    assert display.images_[0].get_cmap().name == "viridis"
    assert display.plot(axes[1]) is display
    assert display.ax_ is axes[1]
    assert len(axes[1].images) == 6


# ---- weights


def test_weight_images(looker, tmp_path):
    display = WeightImagesDisplay.from_estimator(looker, image_shape=(4, 5), n_images=3)
    W = looker.get_weights()[0][0]
    for i, drawn in enumerate(display.images_):
        np.testing.assert_array_equal(drawn.get_array(), W[:, i].reshape(4, 5))
    low, high = display.images_[0].get_clim()
    assert low == -high
    assert len(display.images_) == 3
    assert written(display, tmp_path / "weights.png") > 1000


def test_weight_images_in_colour():
    net = cnn.Network([cnn.Dense(2)]).fit(np.random.default_rng(0).random((4, 12)), [0, 1] * 2, epochs=1)
    display = WeightImagesDisplay.from_estimator(net, image_shape=(2, 2, 3))
    np.testing.assert_array_equal(display.weights[1], net.get_weights()[0][0][:, 1].reshape(2, 2, 3))
    shown = display.images_[0].get_array()
    assert shown.shape == (2, 2, 3)
    assert 0 <= shown.min() <= shown.max() <= 1


def test_weights_of_other_estimators():
    table = Table()
    with pytest.raises(TypeError, match="The Table has no weights: neither 'get_weights'"):
        WeightImagesDisplay.from_estimator(table)
    table.coefs_ = [np.arange(8.0).reshape(4, 2)]
    display = WeightImagesDisplay.from_estimator(table)
    np.testing.assert_array_equal(display.weights[1], [[1, 3], [5, 7]])


def test_weights_of_no_square(net):
    with pytest.raises(ValueError, match="The first layer has 2 columns; images of 1 x 1 have 1"):
        WeightImagesDisplay.from_estimator(net)


# ---- predictions


def test_prediction_grid(looker, tmp_path):
    y = np.array(["oak", "elm", "ash"] * 2)
    display = PredictionGridDisplay.from_estimator(looker, IMAGES, y)
    proba, predicted = looker.predict_proba(IMAGES), looker.predict(IMAGES)
    assert len(set(predicted == y)) == 2  # some of both
    for text, true, label, row in zip(texts(display.ax_), y, predicted, proba, strict=True):
        first, second = text.split("\n")
        assert first.startswith(label)
        assert f"{100 * row.max():.0f} %" in first or row.max() > 0.995
        assert second == ("right" if label == true else f"wrong: {true}")
    frames = list(display.ax_.patches)
    dashed = np.array([frame.get_linestyle() == "--" for frame in frames])
    np.testing.assert_array_equal(dashed, predicted != y)
    assert len({frame.get_edgecolor() for frame in frames}) == 2
    assert written(display, tmp_path / "predictions.png") > 1000


def test_prediction_grid_from_predictions(tmp_path):
    display = PredictionGridDisplay.from_predictions(
        IMAGES,
        [0, 1, 0, 1, 0, 1],
        [0, 0, 0, 1, 1, 1],
        probabilities=np.tile([0.25, 0.75], (6, 1)),
        class_names=["rather long name of a class", "b & c"],
        n_images=2,
    )
    assert texts(display.ax_) == [
        "rather lo… a class (75 %)\nright",
        "rather lo… a class (75 %)\nwrong: b & c",
    ]
    written(display, tmp_path / "long.png")
    with pytest.raises(ValueError, match="y_true has 1 row; y_pred has 2"):
        PredictionGridDisplay.from_predictions(IMAGES, [0], [0, 1])
    with pytest.raises(ValueError, match="X has 6 rows; probabilities has 1"):
        PredictionGridDisplay.from_predictions(IMAGES, [0] * 6, [0] * 6, probabilities=[[1.0]])


def test_prediction_grid_of_another_library():
    display = PredictionGridDisplay.from_estimator(Table(), IMAGES, ["yes"] * 6)
    assert texts(display.ax_)[:2] == ["no\nwrong: yes", "yes\nright"]


def test_probability_bars(looker, tmp_path):
    proba = looker.predict_proba(IMAGES[:1])[0]
    display = ProbabilityBarsDisplay.from_estimator(looker, IMAGES[0], "elm")
    np.testing.assert_allclose([bar.get_width() for bar in display.bars_], proba, rtol=1e-6)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["ash", "elm (true)", "oak"]
    colours = [bar.get_facecolor() for bar in display.bars_]
    others = [colours[i] for i in range(3) if i != proba.argmax()]
    assert others[0] == others[1] != colours[proba.argmax()]
    np.testing.assert_array_equal(display.image_ax_.images[0].get_array(), IMAGES[0])
    assert written(display, tmp_path / "bars.png") > 1000
    image = display.image_ax_.get_window_extent()
    assert image.x1 <= display.figure_.bbox.x1
    assert all(text.get_window_extent().x1 < image.x0 for text in display.ax_.texts)


@pytest.mark.parametrize("x", [IMAGES[0].ravel(), IMAGES[:1].reshape(1, -1)])
def test_probability_bars_of_a_row(looker, x):
    assert ProbabilityBarsDisplay.from_estimator(looker, x).image is None
    assert ProbabilityBarsDisplay.from_estimator(looker, x, image_shape=(4, 5)).image.shape == (4, 5)


def test_probability_bars_of_many_classes():
    shares = np.arange(1000) / 499500
    display = ProbabilityBarsDisplay.from_predictions(shares, 5, n_bars=3)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["999", "998", "997"]
    assert display.image_ax_ is None


def test_percentages_say_what_is_certain():
    display = ProbabilityBarsDisplay.from_predictions([1.0, 0.0, 0.9999, 0.0001, 0.345])
    assert texts(display.ax_) == ["100 %", "0 %", "over 99 %", "under 1 %", "34 %"]


def test_bad_probabilities(looker):
    with pytest.raises(ValueError, match=r"probabilities has values from 0.5 to 1.5"):
        ProbabilityBarsDisplay.from_predictions([0.5, 1.5])
    with pytest.raises(ValueError, match="names has 3 entries; there are 2 probabilities"):
        ProbabilityBarsDisplay([0.5, 0.5], names=TREES)
    with pytest.raises(ValueError, match="`y` has classes not in"):
        ProbabilityBarsDisplay.from_predictions([0.5, 0.5], 2)
    with pytest.raises(ValueError, match=r"x has shape \(2, 4, 5\); expected one sample"):
        ProbabilityBarsDisplay.from_estimator(looker, IMAGES[:2])


# ---- the bundled digits, of 17 shades


def shades(image):
    """Colours from black to white with which matplotlib draws an image, from 0 to 1."""
    return np.asarray(image.norm(image.get_array()))


def test_bundled_digits_are_drawn_from_black_to_white():
    data = cnn.datasets.load_digits()
    images = data.X_train[:4]
    assert (images.dtype, images.max()) == (np.uint8, 16)
    proba = np.tile([0.1, 0.9] + [0.0] * 8, (4, 1))
    digits = data.y_train[:4]
    grid = ImageGridDisplay.from_images(images, digits)
    predictions = PredictionGridDisplay.from_predictions(images, digits, digits, probabilities=proba)
    bars = ProbabilityBarsDisplay.from_predictions(proba[0], image=images[0])
    for drawn, i in [
        *zip(grid.images_, range(4), strict=True),
        *zip(predictions.images_, range(4), strict=True),
    ]:
        np.testing.assert_allclose(shades(drawn), images[i] / 16)
    np.testing.assert_allclose(shades(bars.image_ax_.images[0]), images[0] / images[0].max())
    assert f"{digits[0]} (90 %)\nright" in texts(predictions.ax_)


@pytest.mark.parametrize(
    ("images", "limits"),
    [
        (np.uint8([[[0, 64]]]), (0, 255)),
        (np.uint8([[[3, 63]]]), (0, 63)),
        (np.uint8([[[0, 0]]]), (0, 255)),
        (np.float32([[[0, 1]]]), (0, 1)),
        (np.float64([[[-2, 7]]]), (-2, 7)),
        (np.int64([[[5, 200]]]), (5, 200)),
        (np.array([[[False, True]]]), (0, 1)),
    ],
)
def test_limits_of_gray_images(images, limits):
    assert ImageGridDisplay(images).plot().images_[0].get_clim() == limits
