"""Diagnosis: reasons why a network does not learn, with a remedy for each; see :meth:`compiled_nn.Network.diagnose`.

(a) Checks of thresholds examine X, y, the present weights, and the initial weights with which fit would start. The
    thresholds are set where training stalls or diverges, not where it could be better.
(b) Trials train copies for some hundred steps: a reference network whose score is what the columns allow, and the
    network itself with other learning rates or parameters, so that a remedy is known to help before it is suggested.
(c) A trained network that reaches the score of the reference has learned, and has no findings of kind (a).

Everything is computed from the rows and fixed seeds: the same network and rows have the same findings.
"""
