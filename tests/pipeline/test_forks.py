"""Work shared out among processes gives what one process gives."""

from __future__ import annotations

import os
import select
import signal
import time

import numpy as np
import pytest

from sniffdiag.pipeline.forks import Fork, spread


@pytest.mark.parametrize("processes", [0, 1, 2, 3, 50])
@pytest.mark.parametrize("count", [0, 1, 7, 40])
def test_results_come_in_the_order_of_the_items(processes: int, count: int) -> None:
    assert spread(lambda item: item * item, range(count), processes) == [
        item * item for item in range(count)
    ]


def test_other_processes_do_share_the_work() -> None:
    workers = set(spread(lambda _item: os.getpid(), range(9), 3))
    assert len(workers) == 3


def test_what_a_child_fails_to_do_is_done_here() -> None:
    here = os.getpid()

    def fails_elsewhere(item: int) -> int:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    assert spread(fails_elsewhere, range(8), 4) == list(range(8))


def test_columns_come_back_whole_and_writable() -> None:
    columns = [np.arange(count, dtype=np.int64) for count in (0, 1, 1000, 100_000)]
    child = Fork(lambda: columns)
    try:
        found = child.result()
    finally:
        child.stop()
    assert isinstance(found, list)
    for column, mine in zip(found, columns, strict=True):
        np.testing.assert_array_equal(column, mine)
        assert column.flags.writeable


def test_a_child_that_raises_has_no_result(capfd: pytest.CaptureFixture[str]) -> None:
    child = Fork(lambda: 1 // 0)
    try:
        assert child.result() is None
    finally:
        child.stop()
    assert capfd.readouterr().err == ""


def test_a_child_does_not_outlive_who_waits_for_it() -> None:
    """SIGTERM to a run that reads a large file must not leave readers behind."""
    reading, writing = os.pipe()

    def work() -> None:
        os.write(writing, b"working")
        time.sleep(60)

    parent = os.fork()
    if parent == 0:
        Fork(work)
        time.sleep(60)
    os.close(writing)
    assert os.read(reading, 100) == b"working"
    os.kill(parent, signal.SIGTERM)
    os.waitpid(parent, 0)
    ended, _, _ = select.select([reading], [], [], 10)
    assert ended, "the child still holds the pipe"
    assert os.read(reading, 1) == b""
    os.close(reading)
