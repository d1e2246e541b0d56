"""Rights are given up for good once sockets and files are open, before any packet is looked at.

root becomes the user behind sudo, or nobody; every capability goes, and nothing that is started
later can get one back (capabilities(7), prctl(2) PR_SET_NO_NEW_PRIVS).
"""

from __future__ import annotations

import ctypes
import os
import pwd
import struct
import sys

from sniffdiag.errors import SourceError, UsageError
from sniffdiag.records import dataclass

NOBODY = 65_534
"""The kernel's overflow id; containers often have no passwd that names it."""
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x2008_0522


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the process will be."""

    uid: int
    gid: int
    from_sudo: bool = False
    """The person at the keyboard, who will want to read what is written."""


def identity(wanted: str = "") -> Identity:
    """Whom root should become: as asked for, the user of sudo, or nobody.

    Raises:
        UsageError: There is no such user.
    """
    if wanted:
        try:
            entry = pwd.getpwnam(wanted)
        except KeyError as error:
            raise UsageError(f"there is no user {wanted}") from error
        return Identity(entry.pw_uid, entry.pw_gid)
    uid, gid = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if uid.isdecimal() and gid.isdecimal() and int(uid):
        return Identity(int(uid), int(gid), from_sudo=True)
    return Identity(NOBODY, NOBODY)


def is_root() -> bool:
    """Whether there is another user to become."""
    return os.geteuid() == 0


def drop(who: Identity) -> str:
    """Give up everything; what could not be given up, as a sentence, or nothing.

    Raises:
        SourceError: Capabilities cannot be dropped.
    """
    kept = _become(who) if is_root() else ""
    if sys.platform == "linux":
        _drop_capabilities()
    return kept


def _become(who: Identity) -> str:
    try:
        os.setgroups([])
        os.setresgid(who.gid, who.gid, who.gid)
        os.setresuid(who.uid, who.uid, who.uid)
    except OSError as error:  # a container without CAP_SETUID
        return f"keeps running as uid {os.geteuid()} without capabilities: {error.strerror}"
    return ""


def _drop_capabilities() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    if libc.capset(header, bytes(24)) or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        reason = os.strerror(ctypes.get_errno())
        raise SourceError(f"capabilities cannot be given up: {reason}")
