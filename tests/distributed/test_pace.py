"""The number of local steps between averages, chosen from times that the tests make up."""

import logging

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.distributed.pace import Pace, spent


def new_pace(steps="auto", **parameters):
    options = {
        "n_rows": 64_000,
        "batch_size": 32,
        "n_shards": 2,
        "steps_per_epoch": 1000,
        "n_parameters": 100,
    }
    return Pace(steps, **{**options, **parameters})


def run(pace, rounds, *, step=0.001, overhead=0.002, workers=("a", "b"), slow=1.0):
    """Record rounds of a made-up cluster; return the numbers of steps."""
    steps = []
    for _ in range(rounds):
        n = pace.steps
        times = [(worker, n * step * (slow if i else 1)) for i, worker in enumerate(workers)]
        by_worker = {name: sum(t for other, t in times if other == name) for name in workers}
        pace.record(max(by_worker.values()) + overhead, times, n)
        steps.append(n)
    return steps


def test_the_first_rounds_are_measured_and_then_a_number_is_kept():
    pace = new_pace()
    assert run(pace, 8) == [1, 2, 4, 8, 16, 32, 32, 32]  # 9 x 2 steps would do: the next power of two
    assert pace.chosen == 32
    assert "steps_per_average=32 was chosen so that overhead is at most 10%" in pace.report()
    assert "a step takes 1 ms and the rest of a round 2 ms, 6% of the time" in pace.report()


def test_the_first_round_does_not_count():
    pace = new_pace()
    pace.record(60.0, [("a", 30.0), ("b", 30.0)], pace.steps)
    assert run(pace, 5) == [2, 4, 8, 16, 32]


def test_disturbed_rounds_do_not_change_the_choice():
    pace = new_pace()
    run(pace, 2)
    pace.record(1.0, [("a", 0.9), ("b", 0.004)], pace.steps)
    pace.record(1.0, [("a", 0.008), ("b", 0.008)], pace.steps)  # a worker has loaded a part
    assert run(pace, 2) == [16, 32]


def test_an_epoch_has_at_least_one_average():
    pace = new_pace(steps_per_epoch=13)
    assert run(pace, 6, overhead=1.0) == [1, 2, 4, 8, 13, 13]
    assert "an epoch of 13 steps is averaged at least once, although" in pace.report()
    few = new_pace(steps_per_epoch=1)
    assert few.chosen == 1
    assert run(few, 3, overhead=1.0) == [1, 1, 1]
    assert "steps_per_average=1 was chosen because an epoch of 1 step " in few.report()


def test_a_round_fits_into_memory():
    pace = new_pace(most=6)
    assert run(pace, 6, overhead=1.0) == [1, 2, 4, 6, 6, 6]
    assert (
        "steps_per_average=6 was chosen because a round has at most as many rows as one part" in pace.report()
    )
    assert pace.estimate().steps_per_average == 6
    assert "has the loading of parts too" in pace.report()
    assert run(new_pace(most=300), 6, overhead=1.0) == [1, 2, 4, 8, 16, 300]
    assert new_pace(most=1).chosen == 1
    assert run(new_pace(20, most=6), 2) == [20, 20], "a number that the user has given is used"


def test_a_worker_goes_through_its_shards_one_after_the_other():
    pace = new_pace(n_shards=4)
    run(pace, 6, workers=("a", "a", "b", "b"), overhead=0.004)
    assert pace.chosen == 32  # a step of both shards takes 2 ms, so that 18 steps would do
    found = pace.estimate()
    assert found.costs.seconds_per_step == pytest.approx(0.001, rel=1e-12)  # sums of floats
    assert found.costs.seconds_per_task == pytest.approx(0.001, rel=1e-12)


def test_the_slowest_worker_is_what_the_driver_waits_for():
    pace = new_pace()
    run(pace, 6, slow=2.0, overhead=0.004)
    assert pace.chosen == 32  # of 2 ms
    assert pace.overhead == pytest.approx(5 * 0.004 / (5 * 0.004 + 62 * 0.002), rel=1e-9)  # sums of floats


def test_a_given_number_is_kept():
    pace = new_pace(5)
    assert run(pace, 8, overhead=1.0) == [5] * 8
    assert pace.report().startswith(
        "steps_per_average=5, as given; a step takes 1 ms and the rest of a round 1 s"
    )


def test_synchronous_mode_only_measures():
    pace = new_pace(mode="synchronous")
    assert run(pace, 8, overhead=0.0005) == [1] * 8
    assert pace.report().startswith("synchronous mode; a step takes 1 ms and the rest of a round 500 us, 33%")
    # The rows of a step are divided: 1 ms of 16 rows; 0.25 ms for each task.
    assert pace.estimate().seconds_per_epoch(4) == pytest.approx(2000 * (0.0005 + 4 * 0.00025), rel=1e-9)


def test_advice_on_more_workers():
    pace = new_pace()
    run(pace, 6)
    # Each shard costs the driver 1 ms. Two of them: 1000 steps of 1 ms in 32 rounds.
    assert pace.estimate().seconds_per_epoch(2) == pytest.approx(1.0 + 32 * 0.002, rel=1e-9)
    best = pace.estimate().best_n_workers()
    assert pace.report().endswith(
        "2 workers train 1.88 times as fast as one process without exchanges, "
        f"{best} workers would train {pace.estimate().speedup(best):.2f} times as fast"
    )
    assert 2 < best < 64
    pace = new_pace()
    run(pace, 6, overhead=10.0)
    assert pace.report().endswith(
        "2 workers train 0.18 times as fast as one process without exchanges, more workers would not be faster"
    )


def test_the_choice_is_logged_once(caplog):
    caplog.set_level(logging.INFO, "compiled_nn")
    pace = new_pace()
    run(pace, 10)
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        "steps_per_average=32 was chosen so that overhead is at most 10%"
    ]


def test_before_any_round():
    pace = new_pace()
    assert pace.report() == "steps_per_average=1: no round has been measured yet"
    assert pace.overhead == 0
    with pytest.raises(ValueError, match="no round has been measured yet"):
        pace.estimate()


def test_tasks_name_their_worker():
    (name, seconds), (other, _) = spent(0.0), spent(0.0)
    assert name == other
    assert seconds > 0


@pytest.mark.parametrize("mode", ["averaging", "synchronous"])
def test_fit_leaves_its_pace_at_the_rows(mode):
    X = np.linspace(-1, 1, 400)[:, np.newaxis]
    rows = cnn.distributed.ShardedRows([(X[i::2], X[i::2, 0] > 0) for i in range(2)], mode=mode)
    net = cnn.Network([cnn.Dense(2, "tanh"), cnn.Dense(1)], loss="binary_cross_entropy", seed=0)
    net.fit(rows, epochs=2, batch_size=4)
    assert 1 <= rows.pace_.chosen <= (50 if mode == "averaging" else 1)  # the steps of an epoch
    assert rows.pace_.estimate().n_rows == 400
    assert rows.pace_.estimate().n_parameters == net.n_parameters
    assert "1 worker trains" in rows.pace_.report()


def test_a_round_has_the_rows_of_one_part_if_not_all_are_in_memory():
    X = np.linspace(-1, 1, 400)[:, np.newaxis]
    parts = [(X[i::20], X[i::20, 0]) for i in range(20)]
    for in_memory, most in ((True, 40), (False, 2)):
        rows = cnn.distributed.ShardedRows(parts, n_shards=1, in_memory=in_memory)
        steps = []
        net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0)
        net.fit(
            rows,
            epochs=2,
            batch_size=10,
            callback=lambda *_, rows=rows, steps=steps: steps.append(rows.pace_.steps),
        )
        assert max(steps) <= most
        assert rows.pace_.chosen is not None
