"""Description of the inputs of a model for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .predicting import Predicting

if TYPE_CHECKING:
    from ..artefact.input_report import InputReport


class Describing(Predicting):
    """Methods of a model that describe what its X must be."""

    def input_schema(self) -> dict[str, Any]:
        """Return the JSON Schema (draft 2020-12) of one row of X.

        A service can validate rows with it, and build its documentation or a form from it. A row that the schema
        accepts is accepted by :meth:`predict`, as one item of a list of rows; docs/guide/inputs.md lists the
        exceptions. What training saw is information, because another value is not an error.

        Returns
        -------
        dict
            For a model with names of columns that are texts, the schema of an object whose keys are these names:
            columns that the model leaves out are optional, and additional keys are refused. The keyword "x-array" has
            the schema of the same row as an array. For other models, the schema of an array of numbers, or of an image
            as nested arrays. "examples" has a row that :meth:`predict` accepts. Of a column, "x-kind" is "number",
            "category", "date" or "left out"; "x-categories" has the known categories, at most 1000; "x-training" has
            minimum, maximum, mean, deviation and share of missing values of the training rows, if they are known (for
            an array of numbers, a list with those of each column).

        Raises
        ------
        NotFittedError
            If the model has no weights yet.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> rows = [{"size": 1.5, "color": "red"}, {"size": 2.5, "color": "blue"}]
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", categorical_features="auto", seed=0).fit(rows, [1.0, 2.0])
        >>> schema = net.input_schema()
        >>> schema["required"]
        ['size', 'color']
        >>> schema["properties"]["color"]["x-categories"]
        ['blue', 'red']
        >>> schema["examples"]
        [{'size': 2.0, 'color': 'blue'}]
        """
        from ..artefact import schema  # imported here to keep `import compiled_nn` fast

        return schema.of_row(self._known_inputs())

    def check_inputs(self, X: Any) -> InputReport:
        """Compare rows with those that the model was trained on; the model is not changed.

        The findings are: values beyond the range of training, if they are more or further away than usual; unknown
        categories; a higher share of missing values; another mean; and a column with a single value where training had
        several. At most one of 100 calls with rows of the same distribution as those of training has a finding;
        docs/guide/inputs.md describes the thresholds.

        Parameters
        ----------
        X : array-like (m, k), or images (m, height, width[, channels])
            Rows, as for :meth:`predict`.

        Returns
        -------
        InputReport
            Report that prints as a table, and is true if it has a finding. `findings` has the findings, `rows` the
            indices of all rows with a value beyond the ranges or an unknown category, `to_dict` returns JSON values.

        Raises
        ------
        NotFittedError
            If the model has no weights yet.
        TypeError, ValueError
            If X cannot be used, as by :meth:`predict`; or if it is not known which rows the model was trained on.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(500, 2))
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0).fit(X, X[:, 0], epochs=1)
        >>> bool(net.check_inputs(X[:100]))
        False
        >>> [finding.kind for finding in net.check_inputs([[0.0, 0.5], [0.0, 250.0]]).findings]
        ['range']
        """
        from ..artefact import checking  # imported here to keep `import compiled_nn` fast

        return checking.check(self._known_inputs(), X)
