"""The model of costs: exact seconds from constants that are powers of two, and what is chosen from them."""

import pytest
from compiled_nn.distributed.cost import Costs, Estimate, check_steps, choose_steps

NOTHING = Costs(seconds_per_row=0.25, seconds_per_step=2.0)
ALL = Costs(
    seconds_per_row=0.25,
    seconds_per_step=2.0,
    latency=64.0,
    seconds_per_task=16.0,
    seconds_per_byte=0.125,
    worker_seconds_per_byte=0.5,
    seconds_per_merged_byte=0.0625,
)


def estimate(costs, **parameters):
    return Estimate(costs, **{"n_rows": 1024, "batch_size": 32, "n_parameters": 10, **parameters})


def test_one_process_has_steps_only():
    assert estimate(ALL).seconds_alone() == 32 * (2.0 + 32 * 0.25)
    assert estimate(ALL, n_rows=1025).seconds_alone() == 33 * (2.0 + 32 * 0.25)


def test_an_epoch_of_averaging():
    found = estimate(ALL, steps_per_average=4, n_moments=2, itemsize=4)
    message = 10 * 4 * 3  # weights and two moments
    assert found.bytes_per_message == message
    assert found.bytes_per_round(4) == 4 * 2 * message
    assert found.steps_per_epoch(4) == 8
    assert found.rounds(4) == 2
    overhead = 64 + 4 * (16 + 2 * message * 0.125 + message * 0.0625) + 2 * message * 0.5
    assert found.round(4).overhead == overhead
    assert found.round(4).training == 4 * (2.0 + 32 * 0.25)
    assert found.seconds_per_epoch(4) == 2 * overhead + 8 * 10.0
    assert found.overhead(4) == 2 * overhead / (2 * overhead + 80.0)
    assert found.speedup(4) == 320.0 / found.seconds_per_epoch(4)


def test_an_epoch_of_synchronous_mode():
    found = estimate(ALL, mode="synchronous", itemsize=8)
    message = 10 * 8  # weights one way, gradients the other
    assert found.bytes_per_message == message
    assert found.rounds(4) == found.steps_per_epoch(4) == 32
    overhead = 64 + 4 * (16 + 2 * message * 0.125 + message * 0.0625) + 2 * message * 0.5 + 2.0
    assert found.round(4).overhead == overhead
    assert found.seconds_per_epoch(4) == 32 * (overhead + 2.0 + 8 * 0.25)


@pytest.mark.parametrize("mode", ["averaging", "synchronous"])
def test_shards_are_gone_through_in_turns(mode):
    found = estimate(NOTHING, mode=mode, n_shards=8, steps_per_average=4)
    assert [found.round(n).training for n in (1, 4, 5, 7, 8, 16)] == [
        turns * found.round(8).training for turns in (8, 2, 2, 2, 1, 1)
    ]
    # The driver's work depends on the number of shards, not on that of the workers:
    found = estimate(Costs(0, 0, seconds_per_task=1), mode=mode, n_shards=8, steps_per_average=4)
    assert found.round(1).overhead == found.round(8).overhead == 8.0


def test_without_overhead_the_speedup_is_the_number_of_workers():
    for n in (1, 2, 8):
        assert estimate(NOTHING).speedup(n) == n
    rows_only = Costs(seconds_per_row=0.25, seconds_per_step=0.0)
    assert [estimate(rows_only, mode="synchronous").speedup(n) for n in (1, 2, 8)] == [1, 2, 8]
    # The part of a step that does not depend on its rows is not divided, and comes once more at the driver:
    assert estimate(NOTHING, mode="synchronous").speedup(8) == 10.0 / (2.0 + 2.0 + 4 * 0.25)


def test_best_number_of_workers():
    # In synchronous mode, 32 rounds of n + 64 / n seconds: the optimum is 8 workers, with 16 seconds each. 6 workers
    # are within 5 % of it, 5 are not.
    costs = Costs(seconds_per_row=2.0, seconds_per_step=0.0, seconds_per_task=1.0)
    found = estimate(costs, mode="synchronous")
    assert found.seconds_per_epoch(8) == min(found.seconds_per_epoch(n) for n in range(1, 65)) == 32 * 16.0
    assert found.best_n_workers() == 6
    assert found.best_n_workers(largest=4) == 4
    assert "Best number of workers: 6." in str(found)


def test_one_process_is_best_if_messages_take_longer_than_training():
    found = estimate(Costs(seconds_per_row=1e-6, seconds_per_step=0, latency=1.0), mode="synchronous")
    assert found.best_n_workers() == 1
    assert "One process without exchanges (0.00102 s per epoch) is as fast" in str(found)


def test_fixed_shards_limit_the_workers():
    assert estimate(NOTHING, n_shards=4).best_n_workers() == 4


@pytest.mark.parametrize(
    ("overhead", "step", "most", "expected"),
    [
        (0.0, 1.0, 800, 1),
        (1.0, 9.0, 800, 1),  # exactly a tenth of the time
        (1.0, 8.9, 800, 2),
        (1.0, 1.0, 800, 16),  # 9 steps would do: the next power of two
        (1.0, 0.09, 100, 100),  # 100 steps would do just so
        (1.0, 0.0, 400, 400),  # an epoch
        (1.0, 1.0, 8, 8),
        (1.0, 1.0, 9, 9),
        (1.0, 1.0, 12, 12),  # the next power of two is larger than an epoch
        (0.0, 0.0, 800, 1),
    ],
)
def test_steps_between_averages(overhead, step, most, expected):
    assert choose_steps(overhead, step, most) == expected


def test_automatic_steps_of_the_model_are_those_of_the_rule():
    found = estimate(Costs(0.0, 1.0, latency=1.0), n_rows=32 * 4 * 1000)
    assert found.steps_per_round(4) == 16
    assert found.rounds(4) == 63
    assert found.overhead(4) == 63 / 1063
    # a number that is larger than an epoch: one average per epoch
    assert estimate(NOTHING, steps_per_average=10**6).rounds(2) == 1


def test_a_network_adds_its_latency_and_its_bytes():
    alone = estimate(ALL, steps_per_average=4)
    further = alone.with_network(bytes_per_second=4.0, latency=8.0)
    assert further.round(4).overhead - alone.round(4).overhead == 8.0 + further.bytes_per_round(4) / 4.0
    assert further.seconds_alone() == alone.seconds_alone()
    with pytest.raises(ValueError, match="'bytes_per_second' parameter of with_network"):
        alone.with_network(0, 0.1)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"mode": "async"}, ValueError, "'mode' parameter of Estimate .* Got 'async'"),
        ({"n_rows": 0}, ValueError, r"'n_rows' parameter of Estimate must be an int >= 1\. Got 0"),
        (
            {"steps_per_average": 0},
            ValueError,
            "'steps_per_average' parameter of Estimate must be an int >= 1",
        ),
        ({"steps_per_average": "all"}, ValueError, "must be a str among {'auto'}. Got 'all'"),
        ({"n_moments": -1}, ValueError, "'n_moments'"),
    ],
)
def test_refused_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        estimate(NOTHING, **parameters)


def test_refused_numbers():
    with pytest.raises(
        ValueError, match=r"'latency' parameter of Costs must be a finite number >= 0\. Got -1"
    ):
        Costs(1.0, 1.0, latency=-1)
    with pytest.raises(ValueError, match=r"'n_workers' parameter of Estimate must be an int >= 1\. Got 0"):
        estimate(NOTHING).seconds_per_epoch(0)
    assert check_steps("ShardedRows", "auto") == "auto"
    assert check_steps("ShardedRows", 3) == 3
