"""Ordinary DNS messages in columns: one question to a resolver, or its answer (RFC 1035 4.1).

Narrow on purpose. Recursion desired and an id that is not zero set resolver traffic apart from
mDNS (RFC 6762 18), LLMNR (RFC 4795 2.1.1) and NetBIOS names (RFC 1002 4.2), which look alike and
are left to the detectors.
"""

from __future__ import annotations

import numpy as np

from sniffdiag.nominate.windows import Bytes, Mask, Offsets, Words, byte, windows

HEADER_LEN = 12
QUESTION_TAIL_LEN = 4
WINDOW_LEN = 192
"""Header and question; longer names are left to the detectors."""
MAX_LABELS = 16
MAX_LABEL_LEN = 63
MOST_RECORDS = 128
NETBIOS_TYPES = (0x20, 0x21)
CLASS_IN = 1
_FIXED, _FIXED_VALUE = 0xFFFF_4079_0000, 0x0100_0001_0000
"""Bytes 2 to 5: opcode 0, RD set, Z clear, one question; the other flags and RCODE are free."""


def may_be_dns(start: Words) -> Mask:
    """Rows with such a header, by their first eight bytes."""
    has_id = (start & np.uint64(0xFFFF)) != 0
    fixed: Mask = (start & np.uint64(_FIXED)) == np.uint64(_FIXED_VALUE)
    fixed &= has_id
    return fixed


def is_answer(start: Words) -> Mask:
    """The QR bit."""
    answer: Mask = (byte(start, 2) & np.uint64(0x80)) != 0
    return answer


def are_dns(data: Bytes, at: Offsets, length: Offsets, start: Words) -> Mask:
    """Rows whose question can be read to its end."""
    window = windows(data, at, WINDOW_LEN)
    answers, authorities, others = (
        window[:, i].astype(np.int64) << 8 | window[:, i + 1] for i in (6, 8, 10)
    )
    plausible = answers + authorities + others <= MOST_RECORDS
    plausible &= is_answer(start) | ((answers == 0) & (authorities == 0))
    end = _name_end(window)
    rows = np.arange(at.size)
    tail = np.minimum(end, WINDOW_LEN - QUESTION_TAIL_LEN)
    kind, kind_low, class_, class_low = (window[rows, tail + i] for i in range(4))
    is_name_service = (kind == 0) & np.isin(kind_low, NETBIOS_TYPES)
    whole: Mask = plausible & (end > 0) & (end + QUESTION_TAIL_LEN <= length) & (class_ == 0)
    whole &= (class_low == CLASS_IN) & ~is_name_service
    return whole


def _name_end(window: Bytes) -> Offsets:
    """Offset behind the root label of the first question's name; 0 where none can be found."""
    rows = np.arange(window.shape[0])
    at = np.full(window.shape[0], HEADER_LEN, np.int64)
    end = np.zeros(window.shape[0], np.int64)
    for _ in range(MAX_LABELS):
        label = window[rows, np.minimum(at, WINDOW_LEN - 1)].astype(np.int64)
        inside = (at < WINDOW_LEN - QUESTION_TAIL_LEN) & (end == 0)
        if not inside.any():
            break
        end[inside & (label == 0)] = at[inside & (label == 0)] + 1
        at = np.where(label > MAX_LABEL_LEN, WINDOW_LEN, at + label + 1)
    return end
