"""SSH: identification strings of either side, key exchange."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

CLIENT = b"SSH-2.0-OpenSSH_9.6\r\n"
NAMES = b"curve25519-sha256,ecdh-sha2-nistp256"
KEXINIT = b"\x00\x00\x01\x0c\x04\x14" + bytes(range(16)) + b"\x00\x00\x00\x24" + NAMES

SAMPLES = Samples(
    protocol="ssh",
    certain=(
        Talk(name="both", client=CLIENT, server=CLIENT),
        Talk(name="client alone", client=CLIENT),
        Talk(name="server alone", server=CLIENT),
        Talk(name="1.99", server=b"SSH-1.99-Cisco-1.25\n"),
        Talk(name="lines before", server=b"Welcome\r\nto the shop\r\n" + CLIENT),
        Talk(name="key exchange, joined", client=KEXINIT, midstream=True),
    ),
    almost=(
        Talk(name="text", client=b"SSH is down\r\n", server=b"SSH is down\r\n" * 9),
        Talk(name="version 3", client=b"SSH-3.0-x\r\n"),
        Talk(name="kerberos", client=KEXINIT.replace(NAMES, b"x" * len(NAMES)), midstream=True),
    ),
)
