"""Codes of what was counted of HTTP/2 (`Tallied.streams`), beyond those of `nominate.messages`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sniffdiag.nominate.messages import (
    ERROR_CODES,
    GRPC_UNTOLD,
    STATUS_UNTOLD,
    STREAM_RESET,
    UNTOLD_METHOD,
)

UNCLEAR = 24
"""Codes of header blocks that come first on their stream and do not tell what they are: this, one
more if the stream ends with it, and two more if it is from side 1."""
UNCLEAR_CODES = 4
RESET_WAITING = 65
"""Codes of RST_STREAM that came instead of an answer begin here."""
GRPC_STATUS = 80
"""Codes of gRPC statuses begin here,"""
NO_GRPC_STATUS = 98
"""and this is the end of an answer that tells none."""


PENDING = 1 << 13
"""Codes from here on are ends of answers whose gRPC status is `pending`: side, value, how long ago
(`flows.header_tables`). None is left when flows are sealed."""
_SIDE_SHIFT, _VALUE_SHIFT, _NO_VALUE, _AGO = 12, 7, 31, 127


def pending_codes(
    side: npt.NDArray[np.uint8], value: npt.NDArray[np.uint8], ago: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint16]:
    """Codes of what is pending."""
    told = np.where(value == GRPC_UNTOLD, _NO_VALUE, value).astype(np.uint16)
    code = PENDING | (side.astype(np.uint16) << _SIDE_SHIFT) | (told << _VALUE_SHIFT) | ago
    return code.astype(np.uint16)


def pending_of(
    code: npt.NDArray[np.integer],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Side, value and how long ago, as `pending_codes` takes them."""
    value = (code >> _VALUE_SHIFT) & _NO_VALUE
    value = np.where(value == _NO_VALUE, GRPC_UNTOLD, value)
    side = (code >> _SIDE_SHIFT) & 1
    return side.astype(np.uint8), value.astype(np.uint8), (code & _AGO).astype(np.uint8)


def grpc_codes(
    side: npt.NDArray[np.uint8], value: npt.NDArray[np.uint8], ago: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint16]:
    """Codes of ends of answers, pending or not."""
    told = np.where(value == GRPC_UNTOLD, NO_GRPC_STATUS, GRPC_STATUS + value.astype(np.uint16))
    return np.where(ago > 0, pending_codes(side, value, ago), told).astype(np.uint16)


def with_client_as_0(
    code: npt.NDArray[np.uint16], client_side: npt.NDArray[np.integer]
) -> npt.NDArray[np.uint16]:
    """Codes with side 0 as the client's."""
    unclear = (code >= UNCLEAR) & (code < UNCLEAR + UNCLEAR_CODES)
    turned = UNCLEAR + ((code - UNCLEAR) ^ (2 * client_side.astype(np.uint16)))
    return np.where(unclear, turned, code).astype(np.uint16)


def cleared(
    code: npt.NDArray[np.uint16], client_side: npt.NDArray[np.integer]
) -> npt.NDArray[np.uint16]:
    """Codes with header blocks that did not tell what they are taken for what their side sends.

    What ends a stream of which nothing else was seen are a server's trailers.
    """
    code = with_client_as_0(code, client_side)
    unclear = (code >= UNCLEAR) & (code < UNCLEAR + UNCLEAR_CODES)
    meant = _FROM_SIDES[np.where(unclear, code - UNCLEAR, 0)]
    return np.where(unclear, meant, code).astype(np.uint16)


_FROM_SIDES = np.array([UNTOLD_METHOD, UNTOLD_METHOD, STATUS_UNTOLD, NO_GRPC_STATUS], np.uint16)


def not_waiting(code: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Codes of streams that were reset, whether or not they were answered."""
    waiting = (code >= RESET_WAITING) & (code < RESET_WAITING + ERROR_CODES)
    return np.where(waiting, code - (RESET_WAITING - STREAM_RESET), code).astype(np.uint16)
