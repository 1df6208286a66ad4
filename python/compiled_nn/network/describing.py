"""Description of the inputs of a model for other programs."""

from __future__ import annotations

from typing import Any

from .predicting import Predicting


class Describing(Predicting):
    """Methods of a model that describe what its X must be."""

    def input_schema(self) -> dict[str, Any]:
        """Return the JSON Schema (draft 2020-12) of one row of X.

        A service can validate rows with it, and build its documentation or a form from it. A row that the schema
        accepts is accepted by :meth:`predict`, as one item of a list of rows; docs/inputs.md lists the exceptions. What
        training saw is information, because another value is not an error.

        Returns
        -------
        dict
            For a model with names of columns that are texts, the schema of an object whose keys are these names:
            columns that the model leaves out are optional, and additional keys are refused. The keyword "x-array" has
            the schema of the same row as an array. For other models, the schema of an array of numbers, or of an image
            as nested arrays. "examples" has a row that :meth:`predict` accepts. Of a column, "x-kind" is "number",
            "category", "date" or "left out"; "x-categories" has the known categories, at most 1000.

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
