"""Zabbix."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="zabbix",
    certain=(
        Talk(
            name="agent",
            client=b"ZBXD\x01\x0a" + bytes(7) + b"agent.ping",
            server=b"ZBXD\x01\x01" + bytes(7) + b"1",
        ),
    ),
    almost=(
        Talk(name="no flags", client=b"ZBXD\x00" + bytes(20)),
        Talk(name="text", client=b"ZBXC command\r\n"),
    ),
)
