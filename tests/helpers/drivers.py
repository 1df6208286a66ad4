"""A program that trains with a checkpoint: python drivers.py KIND MODE PATH GATE [ADDRESS]; it prints the outcome.

With a GATE other than "-", its third epoch waits there for ever: the test kills the process. With ADDRESS, that of a
scheduler, the rows are trained on by its workers, otherwise by this process.
"""

import sys

import compiled_nn as cnn
import faults

EPOCHS = 6


class AtGate(cnn.callbacks.Callback):
    """Callback that passes a gate after a batch of the third epoch."""

    def __init__(self, gate):
        self.gate = gate

    def on_batch_end(self, net, epoch, batch, loss):
        if epoch == 3:
            self.gate()


def train(kind, mode, path, *callbacks, rows=None):
    """Return a model that was trained on sharded rows; it continues from the file at `path`."""
    rows = faults.sharded(mode=mode) if rows is None else rows
    checkpoint = cnn.callbacks.Checkpoint(path, resume=True)
    held_out = faults.Loader(99)()
    if kind == "network":
        how = {"epochs": EPOCHS, "batch_size": 10, "validation_data": held_out, "early_stopping": True}
        return faults.network().fit(rows, callbacks=[checkpoint, *callbacks], **how)
    model = cnn.MLPClassifier(
        hidden_layer_sizes=8,
        batch_size=10,
        early_stopping=True,
        max_iter=EPOCHS,
        random_state=1,
        callbacks=[checkpoint, *callbacks],
    )
    return model.fit(rows, validation_data=held_out)


def main(kind, mode, path, folder, address=None):
    callbacks = [] if folder == "-" else [AtGate(faults.Gate(folder, "loop"))]
    rows = client = None
    if address is not None:
        from compiled_nn.dask import DaskEngine
        from distributed import Client

        client = Client(address, timeout=faults.SECONDS)
        rows = faults.sharded(mode=mode, engine=DaskEngine(client))
    print(faults.outcome(train(kind, mode, path, *callbacks, rows=rows)))
    if client is not None:
        client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
