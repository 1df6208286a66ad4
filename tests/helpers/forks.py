"""A program that forks while other threads work: python forks.py WORK FORKS. It prints what the children did as JSON.

WORK names what the other threads do, see `BUSY`. Each child answers with one, two and three threads, trains, and saves.
"""

import io
import json
import os
import signal
import sys
import threading
import time
import warnings

import compiled_nn as cnn
import numpy as np
from small import bits

HANGS = 20  # seconds; a child needs some hundredths
RNG = np.random.default_rng(0)
X = RNG.standard_normal((400, 100)).astype("float32")
Y = RNG.integers(0, 5, 400)


def network():
    return cnn.Network([cnn.Dense(64, "relu"), cnn.Dense(5)], seed=0, optimizer=cnn.Adam(0.001))


def train(net):
    return bits(net.fit(X, Y, epochs=2))


class Custom(cnn.callbacks.Callback):
    """Callback that sleeps, so that a fork often finds a thread in it."""

    def on_epoch_end(self, net, epoch, history):
        net.predict(X[:1])
        time.sleep(0.001)


def save(net):
    buffer = io.BytesIO()
    net.save(buffer)
    net.save_checkpoint(io.BytesIO())
    cnn.load(buffer.getvalue())


# What a thread does again and again, with a network of its own or with the one that children use.
BUSY = {
    "nothing": None,
    "predict": lambda net: net.predict(X),
    "train": train,
    "train in callbacks": lambda net: net.fit(X, Y, epochs=3, callbacks=[Custom()]),
    "train members": lambda net: cnn.Ensemble(network(), n_members=4).fit(X, Y, epochs=3, validation=None),
    "change weights": lambda net: (net.set_weights(net.get_weights()), net.predict_proba(X[:3])),
    "set threads": lambda net: (cnn.set_num_threads(2), net.predict(X), cnn.set_num_threads(None)),
    "save": save,
}


def in_child(shared, busy, expected, trained):
    """Return 0 if this process, a child, gives the bits of the parent, else a number that says what does not.

    `busy` is the network that another thread of the parent was using.
    """
    for n_threads in (1, 2, 3):
        with cnn.threads(n_threads):
            if shared.predict_proba(X).tobytes() != expected:
                return 3
    with cnn.threads(2):
        if train(network()) != trained:
            return 4
        save(shared)
        if not np.isfinite(busy.predict_proba(X)).all():
            return 6
        if busy is not shared and train(busy) != trained:  # fit starts from the seed
            return 7
    return 0


def wait_for(child):
    """Return the status of a child and the seconds until it ended; one that hangs is killed."""
    start = time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        seconds = time.monotonic() - start
        if done:
            return os.waitstatus_to_exitcode(status), seconds
        if seconds > HANGS:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "hangs", seconds
        time.sleep(0.0005)


def main(name, count):
    warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of a fork with threads
    shared, stop, faults = network().fit(X, Y, epochs=1), threading.Event(), []
    expected, trained = shared.predict_proba(X).tobytes(), train(network())

    def keep_busy(net):
        try:
            while not stop.is_set():
                BUSY[name](net)
        except BaseException as error:
            faults.append(repr(error))

    # One thread uses the network of the children, if that does not change its answers; the others have their own.
    changes = name.startswith("train")
    nets = (
        []
        if BUSY[name] is None
        else [network().fit(X, Y, epochs=1) if changes else shared, network().fit(X, Y, epochs=1)]
    )
    # Once before: in a child, Python waits for ever for a module that another thread was importing during the fork.
    save(shared)
    for net in nets:
        BUSY[name](net)
    workers = [threading.Thread(target=keep_busy, args=(net,)) for net in nets]
    for worker in workers:
        worker.start()
    rng, results = np.random.default_rng(1), []
    for _ in range(count):
        time.sleep(rng.uniform(0, 0.003))
        child = os.fork()
        if child == 0:
            status = 5
            try:
                signal.alarm(HANGS)
                status = in_child(shared, nets[0] if nets else shared, expected, trained)
            finally:
                os._exit(status)
        results.append(wait_for(child))
        if results[-1][0] != 0:
            break
    stop.set()
    for worker in workers:
        worker.join()
    seconds = [each for _, each in results]
    works = shared.predict_proba(X).tobytes() == expected and train(network()) == trained
    print(
        json.dumps(
            {
                "statuses": sorted({str(status) for status, _ in results}),
                "forks": len(results),
                "median": float(np.median(seconds)),
                "slowest": max(seconds),
                "parent works": works,
                "faults": faults,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
