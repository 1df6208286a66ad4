"""The controller of docs/guide/training.md: threadpoolctl sets the number of threads that calls use."""

import compiled_nn as cnn
import networks
import pytest

# In a separate process, because a controller stays registered.
LIMITED = """
import json, threadpoolctl
import compiled_nn as cnn

class CompiledNN(threadpoolctl.LibController):
    user_api = internal_api = "compiled_nn"
    filename_prefixes = ("threads.cp",)
    get_num_threads = lambda self: cnn.get_num_threads()
    set_num_threads = lambda self, n: cnn.set_num_threads(n)
    get_version = lambda self: cnn.__version__

threadpoolctl.register(CompiledNN)
(found,) = [each for each in threadpoolctl.threadpool_info() if each["user_api"] == "compiled_nn"]
counts = [cnn.get_num_threads()]
for limits in (1, {"compiled_nn": 5}):
    with threadpoolctl.threadpool_limits(limits):
        counts.append(cnn.get_num_threads())
    counts.append(cnn.get_num_threads())
print(json.dumps([found["num_threads"], found["version"], counts]))
"""


def test_threadpoolctl_limits_the_threads(environment):
    pytest.importorskip("threadpoolctl")
    found, version, counts = networks.run_python(LIMITED, environment, COMPILED_NN_NUM_THREADS="3")
    assert (found, version) == (3, cnn.__version__)
    assert counts == [3, 1, 3, 5, 3]
