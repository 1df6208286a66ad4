"""Engines for tests of networks that are spread over workers."""

import pickle

import numpy as np


class Handle:
    """Handle of what a worker holds."""

    def __init__(self, rank, number):
        self.rank, self.number = rank, number


class Workers:
    """Engine whose workers are in this process, but get and return copies, as other processes do.

    Attributes
    ----------
    held, sent : list of int
        Bytes of each call that sends data to hold, and of the arguments of each task.
    ranks : list of list of int
        Ranks of the tasks of each call of map.
    released : int
        Number of handles that were released.
    """

    def __init__(self, n_workers, *, repeats=1):
        self.n_workers, self._repeats = n_workers, repeats
        self.held, self.sent, self.ranks, self.released = [], [], [], 0
        self._results = {}

    def hold(self, function, arguments, ranks=None):
        handles = []
        for rank, each in zip(ranks, arguments, strict=True):
            content = pickle.dumps((function, each))
            self.held.append(len(content))
            handles.append(Handle(rank, len(self._results)))
            function_, arguments_ = pickle.loads(content)
            self._results[handles[-1].number] = function_(*arguments_)
        return handles

    def map(self, function, arguments, ranks=None):
        self.ranks.append(list(ranks))
        results = []
        for rank, each in zip(ranks, arguments, strict=True):
            content = pickle.dumps((function, each))
            self.sent.append(len(content))
            for _ in range(self._repeats):  # a task that is computed again gives the same
                found = pickle.dumps(self._call(rank, *pickle.loads(content)))
            results.append(pickle.loads(found))
        return results

    def _call(self, rank, function, arguments):
        handles = [each for each in arguments if isinstance(each, Handle)]
        assert all(each.rank == rank for each in handles), "a worker has its own rows"
        return function(*[self._results[x.number] if isinstance(x, Handle) else x for x in arguments])

    def release(self, handles):
        for handle in handles:
            del self._results[handle.number]
            self.released += 1


def same_results(results, others):
    """Compare the results of two searches, except for the time."""
    assert results.keys() == others.keys()
    for name in results.keys() - {"seconds"}:
        np.testing.assert_array_equal(results[name], others[name], err_msg=name)


def same_history(history, other):
    """Compare two histories, except for the time."""
    assert {name: each for name, each in history.items() if name != "seconds"} == {
        name: each for name, each in other.items() if name != "seconds"
    }
