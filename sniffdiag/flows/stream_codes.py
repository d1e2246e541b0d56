"""Codes of what was counted of HTTP/2 (`Tallied.streams`), beyond those of `nominate.messages`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sniffdiag.nominate.messages import ERROR_CODES, STATUS_UNTOLD, STREAM_RESET, UNTOLD_METHOD

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
