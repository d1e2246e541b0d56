"""First bytes decide what a file is; names never do."""

from __future__ import annotations

import pytest

from sniffdiag.sources.formats import describe

LOOKS = {
    b"---\na: 1\n": "a YAML document",
    b"kind: Service\n": "a YAML manifest",
    b"  [1, 2]": "a JSON document",
    b"<html>": "an XML or HTML document",
    b"#!/bin/sh\n": "a script",
    b"snoop\x00\x00\x00\x00\x00\x00\x02": "a Solaris snoop capture",
    b"BZh91AY": "bzip2 data",
    b"MZ\x90\x00": "a Windows program",
    b"\x00\x01\x02": "in no format that is known here",
    b"": "empty",
}


@pytest.mark.parametrize("head", LOOKS, ids=LOOKS.values())
def test_what_bytes_look_like(head: bytes) -> None:
    assert describe(head) == LOOKS[head]
