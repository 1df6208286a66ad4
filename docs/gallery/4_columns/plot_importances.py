"""
Permutation importances
=======================

Each bar is the decrease of the area below the ROC curve if the values of one column are shuffled, on rows that were
not used for training. The network would be as good without a column whose bar is near 0.
"""

import tempfile

import compiled_nn as cnn
from compiled_nn.plotting import PermutationImportanceDisplay

with tempfile.TemporaryDirectory() as folder:
    cnn.datasets.write_churn(f"{folder}/churn.csv")
    table = cnn.datasets.read_table(f"{folder}/churn.csv")
X, y = table.drop("churn", "customer_id", "comment"), table["churn"]
net = cnn.MLPClassifier(
    categorical_features="auto",
    standardize=True,
    max_iter=10,
    batch_size=32,
    random_state=0,
)
net.fit(X.take(range(2000)), y[:2000])
PermutationImportanceDisplay.from_estimator(
    net, X.take(range(2000, 3000)), y[2000:], metric="roc_auc"
)
