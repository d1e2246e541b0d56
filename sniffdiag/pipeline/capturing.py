"""What a live capture needs opened, in the one order that is safe.

Sockets and files first, while there are rights; everything that may be imported or read later next,
because nobody may read it; then the rights are given up; then the first packet is looked at.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

from sniffdiag.errors import SourceError, UsageError
from sniffdiag.pipeline.live import LiveSource
from sniffdiag.records import dataclass
from sniffdiag.sources import privileges
from sniffdiag.sources.capture_files import CaptureFiles, Rotation
from sniffdiag.sources.formats import STANDARD_INPUT
from sniffdiag.sources.live import RING_KIB, LiveCapture, LiveOptions, names_of, ring_bytes
from sniffdiag.sources.packet_filter import PacketFilter
from sniffdiag.sources.packet_socket import HAS_PACKET_SOCKETS
from sniffdiag.sources.piped import PipedCapture

_USED_LATE = (
    "sniffdiag.decode.scalar",
    "sniffdiag.identify.details",
    "sniffdiag.nominate.http2_messages",
    "encodings.idna",
    "hpack",
    "hmac",
    "tabulate",
    "cryptography.exceptions",
    "cryptography.x509",
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.hazmat.primitives.ciphers.algorithms",
    "cryptography.hazmat.primitives.ciphers.modes",
)
"""Otherwise imported when first needed, which is too late for who may read nothing."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to capture, as the user said it."""

    interfaces: tuple[str, ...]
    filter: str = ""
    snaplen: int = 262_144
    ring_kib: int = RING_KIB
    promiscuous: bool = False
    scapy: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """Where it is written to."""

    name: str
    megabytes: int = 0
    seconds: int = 0
    files: int = 0


def open_interfaces(wanted: Wanted) -> LiveSource:
    """Sockets that receive already.

    Raises:
        SourceError: No such interface, a capability is missing, the filter does not parse.
    """
    options = LiveOptions(
        interfaces=names_of(wanted.interfaces),
        filter=PacketFilter(wanted.filter, wanted.snaplen),
        ring_bytes=ring_bytes(wanted.ring_kib),
        promiscuous=wanted.promiscuous,
    )
    if HAS_PACKET_SOCKETS and not wanted.scapy:
        return LiveCapture(options)
    from sniffdiag.sources.scapy_live import ScapyCapture  # noqa: PLC0415 - half a second

    return ScapyCapture(options)


def open_pipe(name: str, stdin: BinaryIO) -> LiveSource:
    """A pipe that brings a capture.

    Raises:
        SourceError: It cannot be opened.
    """
    if name == STANDARD_INPUT:
        return PipedCapture(stdin)
    try:
        return PipedCapture(Path(name).open("rb", buffering=0))  # as long as the process
    except OSError as error:
        raise SourceError(f"cannot read {name}: {error.strerror or error}") from error


def open_files(written: Written, source: LiveSource) -> CaptureFiles:
    """The file to write to.

    Raises:
        SourceError: It cannot be written, or is what is read and would be emptied.
        UsageError: Rotation contradicts itself.
    """
    if isinstance(source, PipedCapture) and source.reads(written.name):
        raise SourceError(
            f"{written.name} is what is read, and would be emptied", hint="write to another file"
        )
    rotation = Rotation(written.megabytes, written.seconds, written.files)
    if rotation.files and not (rotation.megabytes or rotation.seconds):
        raise UsageError("-W limits the files of -C or -G, and neither is given")
    return CaptureFiles(written.name, rotation, source.interfaces)


def give_up_rights(files: CaptureFiles | None, user: str = "") -> str:
    """Become nobody in particular; what could not be given up, as a sentence, or nothing.

    Raises:
        SourceError: Rights cannot be given up, or what is still to be written could not be then.
        UsageError: There is no such user.
    """
    for name in _USED_LATE:
        with suppress(ImportError):
            import_module(name)
    who = privileges.identity(user)
    if files is not None and privileges.is_root() and (who.from_sudo or user):
        files.give_to(who.uid, who.gid)
    kept = privileges.drop(who)
    if files is not None and (problem := files.cannot_go_on()):
        raise SourceError(problem, hint="rotate in a folder that this user may write, or use -Z")
    return kept
