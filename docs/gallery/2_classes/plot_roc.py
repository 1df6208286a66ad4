"""
ROC curves
==========

A ROC curve shows, for all thresholds of the probability, the share of the leaving customers that is found over the
share of false alarms. The nearer a curve is to the upper left corner, the better. The network at the left is trained
on two columns, the network at the right on all columns. AUC is the area below the curve.
"""

import tempfile

import matplotlib.pyplot as plt

import compiled_nn as cnn
from compiled_nn.plotting import RocCurveDisplay

with tempfile.TemporaryDirectory() as folder:
    cnn.datasets.write_churn(f"{folder}/churn.csv")
    table = cnn.datasets.read_table(f"{folder}/churn.csv")
X, y = table.drop("churn", "customer_id", "comment"), table["churn"]

fig, axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
choices = (["age", "data_gb"], X.column_names)
for ax, columns in zip(axes, choices, strict=True):
    part = X.select(columns)
    net = cnn.MLPClassifier(
        categorical_features="auto",
        standardize=True,
        max_iter=10,
        batch_size=32,
        random_state=0,
    )
    net.fit(part.take(range(2000)), y[:2000])
    RocCurveDisplay.from_estimator(
        net, part.take(range(2000, 3000)), y[2000:], ax=ax
    )
