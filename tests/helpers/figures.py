"""Shared parts of the tests of pictures: an estimator of another library, images, text of a figure."""

import re
from xml.etree import ElementTree

import numpy as np

IMAGES = np.arange(6 * 4 * 5, dtype="uint8").reshape(6, 4, 5)


class Table:
    """Estimator like those of other libraries, which predicts the class of a row from its first number."""

    classes_ = np.array(["no", "yes"])

    def predict(self, X):
        return self.classes_[(np.asarray(X).reshape(len(X), -1)[:, 0] > 0).astype(int)]


def texts(ax):
    """Return the strings of the texts of an axes."""
    return [text.get_text() for text in ax.texts]


def labels(ax):
    """Yield the drawn texts of an axes: texts, legend, tick labels and labels of the axes."""
    yield from ax.texts
    if ax.get_legend() is not None:
        yield from ax.get_legend().get_texts()
    for axis, i in ((ax.xaxis, 0), (ax.yaxis, 1)) if ax.axison else ():
        low, high = sorted(axis.get_view_interval())
        yield from (text for text in axis.get_ticklabels() if low <= text.get_position()[i] <= high)
        yield axis.label


def written(display, path):
    """Write a display as PNG, assert that all its text is within the picture, and return the size of the file."""
    display.figure_.savefig(path)
    whole = display.figure_.bbox.padded(1)
    for text in (text for ax in display.figure_.axes for text in labels(ax)):
        box = text.get_window_extent()
        corners = [(box.x0, box.y0), (box.x1, box.y1)]
        assert not text.get_text() or all(whole.contains(*corner) for corner in corners), text
    return path.stat().st_size


SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg):
    """Return the root element of an SVG, after a check that it has no script and no reference to other files."""
    root = ElementTree.fromstring(svg)
    assert root.tag == SVG + "svg"
    assert svg.count("http") == 1  # the name space, which is not an address to load
    assert not re.search(r"<(script|style|image|use|foreignObject)|href|url\(|font-face", svg)
    return root


def drawn_texts(figure):
    """Return each text that is drawn in a figure, with its box in pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    FigureCanvasAgg(figure).draw()
    hidden = set()
    for ax in figure.findobj(lambda artist: hasattr(artist, "get_xaxis")):
        for axis, i in ((ax.xaxis, 0), (ax.yaxis, 1)):
            low, high = sorted(axis.get_view_interval())
            for label in axis.get_ticklabels(which="both"):
                if not (ax.axison and axis.get_visible() and low <= label.get_position()[i] <= high):
                    hidden.add(label)
    texts = [
        text for text in figure.findobj(Text) if text.get_visible() and text.get_text() and text not in hidden
    ]
    return [(text, text.get_window_extent()) for text in texts if text.figure is not None]


def overlapping(first, second):
    """Whether two texts of :func:`drawn_texts` overlap by more than a pixel.

    Texts of the same rotation, such as the labels of an axis, overlap if their lines are closer than their height.
    """
    (a, box), (b, other) = first, second
    if a.get_rotation() % 90 and a.get_rotation() == b.get_rotation():
        angle = np.radians(a.get_rotation())
        (ax, ay), (bx, by) = (t.get_transform().transform(t.get_position()) for t in (a, b))
        distance = abs((bx - ax) * np.sin(angle) - (by - ay) * np.cos(angle))
        return bool(distance < a.get_fontsize() * a.figure.dpi / 72 * 0.8)
    width = min(box.x1, other.x1) - max(box.x0, other.x0)
    height = min(box.y1, other.y1) - max(box.y0, other.y0)
    return bool(width > 1 and height > 1)
