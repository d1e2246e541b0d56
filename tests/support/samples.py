"""Sample conversations of every protocol, found in `tests/identify/samples/`, one file a protocol.

A file defines `SAMPLES = Samples(...)`. That is all it takes to put a protocol under the laws of
`tests/identify/test_laws.py` (totality, monotony, no confusion with any other protocol's samples).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sniffdiag.identify.verdict import Heads, Side
from sniffdiag.model import Transport

SAMPLES_FOLDER = Path(__file__).parent.parent / "identify" / "samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """What both sides said. An empty side is one that was not captured."""

    name: str
    client: bytes = b""
    server: bytes = b""
    midstream: bool = False

    def heads(self) -> Heads:
        """As the flow layer would hand it over."""
        return self.cut(len(self.client), len(self.server))

    def cut(self, client_len: int, server_len: int) -> Heads:
        """The same talk when only so many bytes of each side had been seen."""
        return Heads(
            client=Side(self.client[:client_len], from_start=not self.midstream),
            server=Side(self.server[:server_len], from_start=not self.midstream),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """One protocol's talks."""

    protocol: str
    transport: Transport = Transport.TCP
    certain: tuple[Talk, ...]
    """The detector is CERTAIN and no unrelated one is: `identify` answers this protocol."""
    possible: tuple[Talk, ...] = ()
    """The detector claims it, but not as CERTAIN."""
    almost: tuple[Talk, ...] = ()
    """Looks alike and is not: the detector makes no claim at all."""

    @property
    def talks(self) -> tuple[Talk, ...]:
        """All of them."""
        return self.certain + self.possible + self.almost


def _load(path: Path) -> Samples:
    spec = importlib.util.spec_from_file_location(f"samples_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    samples: Samples = module.SAMPLES
    return samples


def _load_all() -> dict[str, Samples]:
    loaded = [_load(path) for path in sorted(SAMPLES_FOLDER.glob("*.py"))]
    by_protocol = {samples.protocol: samples for samples in loaded}
    assert len(by_protocol) == len(loaded), "two sample files for one protocol"
    return by_protocol


ALL_SAMPLES = _load_all()
"""By protocol id."""


def all_talks(transport: Transport) -> Iterator[tuple[str, Talk]]:
    """(protocol, talk) of every sample of a transport, whatever it is a sample of."""
    for protocol, samples in ALL_SAMPLES.items():
        if samples.transport is transport:
            yield from ((protocol, talk) for talk in samples.talks)
