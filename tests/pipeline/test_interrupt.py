"""Ctrl-C stops between chunks: what was folded is whole, what was read is reported."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from sniffdiag.decode.decode import decode
from sniffdiag.decode.headers import HeaderTable
from sniffdiag.pipeline import reading
from sniffdiag.pipeline.capture import list_flows
from sniffdiag.pipeline.interrupt import Interrupt
from sniffdiag.sources.frames import FrameChunk

INCIDENT = Path(__file__).parents[2] / "pcaps" / "tke-rename" / "incident.pcap"


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_while_a_chunk_is_folded_lets_it_be_folded_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = list_flows([str(INCIDENT)]).capture

    def interrupted_decode(chunk: FrameChunk) -> HeaderTable:
        press_ctrl_c()
        return decode(chunk)

    monkeypatch.setattr(reading, "decode", interrupted_decode)
    stopped = list_flows([str(INCIDENT)]).capture
    assert stopped.interrupted
    assert 0 < stopped.frames <= whole.frames
    assert sum(count for _, count in stopped.statuses) == stopped.frames


def test_ctrl_c_breaks_a_wait() -> None:
    with Interrupt() as interrupt, pytest.raises(KeyboardInterrupt), interrupt.waiting():
        press_ctrl_c()
    assert interrupt.asked


def test_ctrl_c_just_before_a_wait_is_not_waited_out() -> None:
    with Interrupt() as interrupt:
        press_ctrl_c()
        with pytest.raises(KeyboardInterrupt), interrupt.waiting():
            pass


def test_the_handler_of_before_is_back_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupt():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_another_thread_keeps_its_hands_off_signals() -> None:
    failures: list[Exception] = []

    def work() -> None:
        try:
            with Interrupt():
                pass
        except ValueError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not failures
