"""The objective of training, as one argument of the methods of `Stack`; a part of `stack`."""

from cnn_core.layers cimport thread_count


cdef class Objective:
    """Mean loss over the rows, plus a penalty on the weights; immutable.

    Parameters
    ----------
    loss : str, (str, dict) or callable
        One of `LOSSES`, alone or with parameters of `LOSS_PARAMETERS` (one number or, for pos_weight and quantiles,
        one per output); or function(y, z) -> (loss (m,), dz (m, n)) of the rows' targets and logits, called once per
        batch, in one thread.
    l1, l2 : float
        Factors of the penalty l2/2 sum(W**2) + l1 sum(abs(W)), biases left out.
    scale : float
        Factor of every number of X.
    n_threads : int, optional
        Upper limit of threads; `get_num_threads()` by default.
    penalty_per_row : bool
        Divide the penalty by the number of rows, or by the sum of their weights: those of a batch in its step, those of
        the pass in the returned value.
    weights : array-like (m,), optional
        Weights of the rows: means over rows become sum(weight * .) / sum(weight), and a batch whose weights are all 0
        is skipped.
    activated : bool
        The loss is one of the last layer's outputs after its activation, whose derivative is then a part of the
        gradient; else one of the logits.

    Raises
    ------
    TypeError
        If l1, l2 or scale is not a number.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.stack import Objective, Stack
    >>> stack = Stack((1, 1), ("identity",))
    >>> stack.views()[0][0][:] = 3.0
    >>> X, y = np.array([[1.0], [2.0]]), np.array([[4.0], [6.0]], np.float32)
    >>> stack.loss(X, y, Objective("mse", l2=0.5))  # (1 + 0) / 2 and 0.5 / 2 * 3**2
    (0.5, 2.25)
    """

    def __cinit__(self, loss, *, double l1=0.0, double l2=0.0, double scale=1.0, n_threads=None,
                  bint penalty_per_row=False, weights=None, bint activated=False):
        self.loss, self.l1, self.l2, self.scale = loss, l1, l2, scale
        self.n_threads, self.penalty_per_row, self.weights = n_threads, penalty_per_row, weights
        self.activated = activated

    def replace(self, **changes):
        """Return a copy in which some parameters have other values.

        Parameters
        ----------
        **changes
            New values by the names of the parameters.

        Returns
        -------
        Objective
            Changed copy.

        Raises
        ------
        TypeError
            If a name is not that of a parameter, or a value has an invalid type.

        Examples
        --------
        >>> from cnn_core.stack import Objective
        >>> changed = Objective("mse", l2=0.5).replace(l2=0.0, l1=0.1)
        >>> changed.loss, changed.l2, changed.l1
        ('mse', 0.0, 0.1)
        """
        return Objective(**{
            "loss": self.loss, "l1": self.l1, "l2": self.l2, "scale": self.scale, "n_threads": self.n_threads,
            "penalty_per_row": self.penalty_per_row, "weights": self.weights, "activated": self.activated,
            **changes})

    cdef int threads(self) except -1:
        """Upper limit of threads of a call: one for a loss that is written in Python."""
        return 1 if callable(self.loss) else thread_count(self.n_threads)
