"""
Range test of the learning rate
===============================

The learning rate rises from step to step, and the loss is recorded. At the left the loss hardly changes, in the
middle it falls, and at the right it grows because the steps are too long. The dashed line is the suggested learning
rate.
"""

import matplotlib.pyplot as plt

import compiled_nn as cnn
from compiled_nn.rates import find_learning_rate

data = cnn.datasets.load_digits()
net = cnn.Network(
    [cnn.Dense(64, "relu"), cnn.Dense(10)],
    input_scale=data.input_scale,
    seed=0,
)
test = find_learning_rate(net, data.X_train, data.y_train)

fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
test.plot(ax)
ax.set_yscale("log")

# %%
# The network itself was not changed. It is trained with the suggestion in the usual way.

net.optimizer = cnn.Adam(test.suggestion)
net.fit(data.X_train, data.y_train, epochs=20)
accuracy = net.score(data.X_test, data.y_test)
print(f"learning rate: {test.suggestion:.2g}, accuracy: {accuracy:.2f}")
