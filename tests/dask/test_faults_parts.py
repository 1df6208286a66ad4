"""Parts that cannot be read, sent or held: errors name the part, its file and the worker; fit can be called again."""

import functools
import gc
import logging
import threading

import compiled_nn as cnn
import faults
import pytest

pytest.importorskip("distributed", reason="needs the extra dask")
import clusters
from compiled_nn import _version
from compiled_nn.dask import DaskEngine

HOW = {"epochs": 2, "batch_size": 10}


def rows_with(bad, client, **options):
    """Return rows whose part 2 is another one."""
    parts = faults.loaders()
    return faults.sharded([*parts[:2], bad, parts[3]], engine=DaskEngine(client, **options))


def missing(folder):
    return functools.partial(faults.read_parquet, str(folder / "part2.parquet"))


def truncated(folder):
    path = folder / "part2.parquet"
    path.write_bytes(faults.write_parquet(path, 2).read_bytes()[:-20])
    return functools.partial(faults.read_parquet, str(path))


BAD = {
    "a file that does not exist": (missing, FileNotFoundError),
    "a truncated file": (truncated, Exception),
    "an exception": (lambda _: functools.partial(faults.fail, "part2.parquet"), RuntimeError),
    "NaN": (lambda _: functools.partial(faults.with_nan, 2), ValueError),
}


def text_of(error):
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


@pytest.mark.parametrize("what", BAD)
def test_a_part_that_cannot_be_read(what, client, tmp_path):
    make, kind = BAD[what]
    model = cnn.MLPClassifier(hidden_layer_sizes=4, max_iter=2, random_state=0).fit(*faults.Loader(0)())
    before = faults.outcome(model)
    with pytest.raises(kind) as raised:
        model.fit(rows_with(make(tmp_path), client))
    words = text_of(raised.value)
    assert "part 2" in words.lower()
    assert "on worker tcp://127.0.0.1:" in words
    assert what == "NaN" or "part2.parquet" in words
    assert what != "NaN" or ("NaN" in words and "row 7" in words)
    assert faults.outcome(model) == before
    check_nothing_left(client)
    assert model.fit(rows_with(faults.Loader(2), client)).predict(faults.Loader(0)()[0]).shape == (60,)


def check_nothing_left(client):
    clusters.wait_until(
        lambda: not client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)), 60
    )


def test_errors_that_pass(client, tmp_path):
    """One of the calls that read the part fails: the fit ends with an error, and with `retries` it does not."""
    for retries in (0, 1):
        for at in (0, 1):  # of the calls that learn from the part, and load it
            folder = tmp_path / f"{retries}{at}"
            folder.mkdir()
            gate = faults.Gate(str(folder), "raise", at)
            rows = rows_with(faults.Loader(2, gate), client, retries=retries)
            if not retries:
                with pytest.raises(ConnectionResetError, match="the storage has reset the connection"):
                    faults.network().fit(rows, **HOW)
                continue
            net = faults.network().fit(rows, **HOW)
            assert gate.has_been_reached()
            assert faults.outcome(net) == faults.outcome(faults.network().fit(faults.sharded(), **HOW))
    check_nothing_left(client)


def test_a_loader_that_cannot_be_sent(client, caplog):
    caplog.set_level(
        logging.CRITICAL, "distributed.protocol.pickle"
    )  # its records keep what could not be sent
    lock = threading.Lock()
    with pytest.raises(
        TypeError, match=r"part 2 .*cannot be sent to a worker: .*lock.*functools.partial"
    ) as raised:
        faults.network().fit(rows_with(lambda: lock, client), **HOW)
    assert "HighLevelGraph" not in str(raised.value)
    del raised  # the futures of Dask are in a cycle of its traceback
    gc.collect()
    check_nothing_left(client)


def test_another_version_on_the_workers(client):
    def replace(version):
        import compiled_nn.dask.failures

        compiled_nn.dask.failures.__version__ = version

    client.run(replace, "0.0.1")
    try:
        with pytest.raises(
            ImportError, match=rf"driver has compiled_nn {_version.__version__}, but worker tcp://.* 0.0.1"
        ):
            faults.network().fit(faults.sharded(engine=DaskEngine(client)), **HOW)
    finally:
        client.run(replace, _version.__version__)
    check_nothing_left(client)
