"""
Partial dependence
==================

One column is set to the same value for all customers, and the other columns are unchanged: the curves show the
probability that a customer leaves. The thin lines are single customers, the blue line is their mean. The numbers in
parentheses are the shares of customers with each contract.
"""

import tempfile

import matplotlib.pyplot as plt

import compiled_nn as cnn
from compiled_nn.plotting import PartialDependenceDisplay

with tempfile.TemporaryDirectory() as folder:
    cnn.datasets.write_churn(f"{folder}/churn.csv")
    table = cnn.datasets.read_table(f"{folder}/churn.csv")
X = table.select(["contract", "age", "monthly_charge", "support_calls"])
y = table["churn"]
net = cnn.MLPClassifier(
    categorical_features="auto",
    standardize=True,
    max_iter=10,
    batch_size=32,
    random_state=0,
)
net.fit(X, y)

fig, axes = plt.subplots(1, 2, figsize=(9.5, 4.2), layout="constrained")
PartialDependenceDisplay.from_estimator(
    net, X, "support_calls", kind="both", ax=axes[0]
)
PartialDependenceDisplay.from_estimator(net, X, "contract", ax=axes[1])
