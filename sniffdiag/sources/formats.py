"""What a file is by its first bytes: a capture, something compressed, or something to name."""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.errors import SourceError
from sniffdiag.sources import pcap
from sniffdiag.sources.compressed import CODECS, SKIPPABLE, Decompressed, codec_of, pass_over
from sniffdiag.sources.frames import FrameChunk, SourceSummary
from sniffdiag.sources.numbering import Numbering
from sniffdiag.sources.pcapng import read_pcapng
from sniffdiag.sources.pcapng_blocks import SECTION_HEAD_BYTES, section_byte_order
from sniffdiag.sources.window import Window

STANDARD_INPUT = "-"
"""The name by which users call it, as with tcpdump and kubectl."""
HEAD_BYTES = 512
MAX_COMPRESSION_DEPTH = 2

CAPTURE_HINT = "give a pcap or pcapng file, plain or compressed with " + ", ".join(
    codec.name for codec in CODECS
)

OTHER_MAGICS = (
    (b"\x7fELF", "an ELF program"),
    (b"MZ", "a Windows program"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"BZh", "bzip2 data"),
    (b"\x18\x4c\x21\x02", "legacy lz4 data"),
    (b"\x02\x21\x4c\x18", "legacy lz4 data"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"snoop\x00\x00\x00", "a Solaris snoop capture"),
    (b"GMBU", "a Microsoft Network Monitor capture"),
    (b"RTSS", "a Microsoft Network Monitor 1 capture"),
    (b"TRSNIFF data    \x1a", "an NAI Sniffer capture"),
    (b"XCP\x00", "a NetXRay capture"),
    (b"\x1c\x00\x01\xac", "an IXIA capture"),
    (b"\xac\x01\x00\x1c", "an IXIA capture"),
)
TEXT_MAGICS = (
    (b"apiVersion:", "a YAML manifest"),
    (b"---", "a YAML document"),
    (b"kind:", "a YAML manifest"),
    (b"{", "a JSON document"),
    (b"[", "a JSON document"),
    (b"<", "an XML or HTML document"),
    (b"#!", "a script"),
)
TEXT_CONTROL_BYTES = frozenset(b"\t\n\r\x0c\x1b")


def describe(head: bytes) -> str:
    """What the bytes look like, for the sentence "x is ..., not a capture"."""
    if not head:
        return "empty"
    for magic, name in OTHER_MAGICS:
        if head.startswith(magic):
            return name
    if all(byte >= ord(" ") or byte in TEXT_CONTROL_BYTES for byte in head):
        text = head.lstrip()
        return next((name for magic, name in TEXT_MAGICS if text.startswith(magic)), "a text file")
    return "in no format that is known here"


def _unwrap(window: Window, summary: SourceSummary) -> tuple[Window, list[str]]:
    """The innermost window and the codecs around it, innermost first."""
    codecs: list[str] = []
    block_bytes = window.block_bytes
    window.require(SECTION_HEAD_BYTES)
    if SKIPPABLE.match(window.head(SECTION_HEAD_BYTES)):
        pass_over(window)
        window.require(SECTION_HEAD_BYTES)
    codec = codec_of(window.head(HEAD_BYTES))
    while codec and len(codecs) < MAX_COMPRESSION_DEPTH:
        codecs.insert(0, codec.name)
        window = Window(Decompressed(window, codec, summary), block_bytes)
        window.require(SECTION_HEAD_BYTES)
        codec = codec_of(window.head(HEAD_BYTES))
    return window, codecs


def read_capture(
    window: Window, summary: SourceSummary, numbering: Numbering
) -> Iterator[FrameChunk]:
    """The frames of whatever capture the window shows; `SourceError` at once if it is none."""
    window, codecs = _unwrap(window, summary)
    head = window.head(HEAD_BYTES)
    if pcap.byte_order_of(head):
        summary.format = "+".join(("pcap", *codecs))
        return pcap.read_pcap(window, summary, numbering)
    if section_byte_order(head):
        summary.format = "+".join(("pcapng", *codecs))
        return read_pcapng(window, summary, numbering)
    inside = "".join(f" inside {name}" for name in codecs)
    title = "standard input" if summary.name == STANDARD_INPUT else summary.name
    if codecs and not head and summary.cut_short:
        raise SourceError(
            f"{title} ends early or is damaged: nothing comes out of the {codecs[0]}",
            hint=f"unpack it with {codecs[0]} itself; it may need a dictionary or much memory",
        )
    raise SourceError(f"{title} is {describe(head)}{inside}, not a capture", hint=CAPTURE_HINT)
