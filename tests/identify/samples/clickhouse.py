"""ClickHouse: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="clickhouse",
    certain=(
        Talk(
            name="hello",
            client=b"\x00\x11ClickHouse client\x17\x08",
            server=b"\x00\x0aClickHouse\x17\x08",
        ),
        Talk(name="server alone", server=b"\x00\x0aClickHouse\x17\x08"),
    ),
    almost=(
        Talk(name="another house", client=b"\x00\x0aClickHause", server=b"\x00\x0aClickHause"),
    ),
)
