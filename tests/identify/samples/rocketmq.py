"""RocketMQ."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

JSON = b'{"code":105,"flag":0,"language":"JAVA","opaque":1,"version":399}'
COMMAND = (4 + len(JSON)).to_bytes(4) + b"\x00" + len(JSON).to_bytes(3) + JSON

SAMPLES = Samples(
    protocol="rocketmq",
    certain=(
        Talk(name="command", client=COMMAND, server=COMMAND),
        Talk(name="joined", server=COMMAND, midstream=True),
    ),
    almost=(
        Talk(
            name="other json",
            client=COMMAND.replace(b"code", b"type").replace(b"opaque", b"number").ljust(400),
        ),
        Talk(name="text", client=b"{" * 40),
    ),
)
