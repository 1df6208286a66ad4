"""Processes: fork at any moment, spawn and forkserver, pools, servers that load first and fork then."""

import json
import multiprocessing
import os
import subprocess
import sys

import forks
import networks
import pytest
from small import blobs, classifier

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
X, Y = blobs(200, 30)


@needs_fork
@pytest.mark.parametrize("work", forks.BUSY)
def test_fork_while_threads_work(work, environment, effort, figures):
    count = effort.count(8, 200)
    command = [sys.executable, "-P", forks.__file__, work, str(count)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["statuses"] == ["0"], result
    assert result["forks"] == count
    assert result["parent works"]
    assert not result["faults"]
    figures("P9 forks while other threads work", count)
    figures("P9 slowest child that answered, trained and saved, seconds", round(result["slowest"], 3))
    figures("P9 median of these children, seconds", round(result["median"], 3))


IN_CALLBACK = """
import json, os, sys
import numpy as np
import compiled_nn as cnn
from small import bits, blobs, classifier

X, y = blobs(200, 30)

def child(net):
    with cnn.threads(2):
        net.predict(X)
        return 0 if bits(classifier().fit(X, y, epochs=3)) == expected else 3

class Fork(cnn.callbacks.Callback):
    def on_epoch_end(self, net, epoch, history):
        pid = os.fork()
        if pid == 0:
            status = 5
            try:
                status = child(net)
            finally:
                os._exit(status)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

statuses, expected = [], bits(classifier().fit(X, y, epochs=3))
with cnn.threads(2):
    parent = bits(classifier().fit(X, y, epochs=3, callbacks=[Fork()]))
print(json.dumps([statuses, parent == expected]))
"""


@needs_fork
def test_fork_in_a_callback(environment):
    statuses, same = networks.run_python(IN_CALLBACK, environment, PYTHONWARNINGS="ignore")
    assert statuses == [0, 0, 0]
    assert same


CONTINUED = """
import json, os
import numpy as np
import compiled_nn as cnn
from small import bits, blobs, classifier

X, y = blobs(200, 30)

class Fork(cnn.callbacks.Callback):
    child = False
    def on_epoch_end(self, net, epoch, history):
        if epoch == 2 and os.fork() == 0:
            self.child = True

expected = bits(classifier().fit(X, y, epochs=5))
callback = Fork()
with cnn.threads(2):
    same = bits(classifier().fit(X, y, epochs=5, callbacks=[callback])) == expected
if callback.child:
    os._exit(0 if same else 3)
print(json.dumps([os.waitstatus_to_exitcode(os.wait()[1]), same]))
"""


@needs_fork
def test_training_goes_on_in_parent_and_child(environment):
    assert networks.run_python(CONTINUED, environment, PYTHONWARNINGS="ignore") == [0, True]


SPAWNED = """
import json, multiprocessing, sys
import numpy as np
import compiled_nn as cnn
from small import blobs, classifier

X, y = blobs(200, 30)

def work(net):
    with cnn.threads(2):
        return net.predict_proba(X).tobytes(), net.fit(X, y, epochs=1).predict_proba(X).tobytes()

if __name__ == "__main__":
    net = classifier().fit(X, y, epochs=1)
    with cnn.threads(2):
        net.predict(X)
    expected = work(net)
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        results = pool.map(work, [classifier().fit(X, y, epochs=1)] * 6)
    print(json.dumps([result == expected for result in results]))
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_pools(method, environment, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(SPAWNED)
    command = [sys.executable, "-P", str(program), method]
    child = {**environment, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, env=child, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [True] * 6


def test_loky():
    joblib = pytest.importorskip("joblib")
    net = classifier().fit(X, Y, epochs=1)
    expected = net.predict_proba(X).tobytes()
    answers = joblib.Parallel(n_jobs=2, backend="loky")(
        joblib.delayed(net.predict_proba)(X) for _ in range(4)
    )
    assert [answer.tobytes() for answer in answers] == [expected] * 4


SERVER = """
import json, os, socket, time
import numpy as np
import compiled_nn as cnn
from small import blobs, classifier

# As gunicorn with --preload: load, warm up, fork the workers, which take requests from one socket.
X, y = blobs(200, 30)
net = classifier(hidden=64).fit(X, y, epochs=1)
with cnn.threads(2):
    expected = net.predict_proba(X).tobytes()
listener = socket.create_server(("127.0.0.1", 0))
workers = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        while True:
            connection, _ = listener.accept()
            with connection, cnn.threads(2):
                connection.sendall(net.predict_proba(X).tobytes())
    workers.append(pid)
answers, slowest = [], 0
for _ in range(40):
    start = time.monotonic()
    with socket.create_connection(listener.getsockname()) as connection, connection.makefile("rb") as file:
        answers.append(file.read() == expected)
    slowest = max(slowest, time.monotonic() - start)
for pid in workers:
    os.kill(pid, 9)
    os.waitpid(pid, 0)
print(json.dumps([answers, slowest]))
"""


@needs_fork
def test_a_server_that_forks_its_workers(environment, figures):
    answers, slowest = networks.run_python(SERVER, environment, PYTHONWARNINGS="ignore")
    assert answers == [True] * 40
    figures(
        "P9 slowest answer of four workers that were forked after a prediction, seconds", round(slowest, 3)
    )
