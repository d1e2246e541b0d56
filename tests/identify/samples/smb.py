"""SMB: four magics and the NetBIOS session."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

NEGOTIATE = b"\x00\x00\x00\x54\xfeSMB\x40\x00" + bytes(70)

SAMPLES = Samples(
    protocol="smb",
    certain=(
        Talk(name="smb2", client=NEGOTIATE, server=NEGOTIATE),
        Talk(name="smb1", client=NEGOTIATE.replace(b"\xfe", b"\xff")),
        Talk(name="encrypted, joined", server=NEGOTIATE.replace(b"\xfe", b"\xfd"), midstream=True),
        Talk(
            name="netbios session",
            client=b"\x81\x00\x00\x44\x20" + b"CKFDENECFDEFFCFGEFFCCACACACACACA" + bytes(35),
            server=b"\x82\x00\x00\x00",
        ),
    ),
    possible=(Talk(name="session response alone", server=b"\x82\x00\x00\x00"),),
    almost=(
        Talk(name="another magic", client=NEGOTIATE.replace(b"SMB", b"SNB")),
        Talk(name="kafka", client=b"\x00\x00\x00\x54\x00\x03\x00\x05" + bytes(20)),
    ),
)
