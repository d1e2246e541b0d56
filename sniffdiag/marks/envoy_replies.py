"""Envoy's own answers in the server's place: they show HTTP filters, and what these ran into.

Texts and flags: envoy source/common/http/utility.cc (`resetReasonToString`), codec error replies of
source/common/http/http1/codec_impl.cc (before 2019 a bare 400 with `content-length: 0` and
`connection: close`), router NR/UH/UT/UO, `rbac_filter.cc`. What `server` says tells which sidecar
spoke. An answer that has been upstream bears x-envoy-upstream-service-time and is none of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sniffdiag.identify.sides import text
from sniffdiag.marks.mark import Family, Glimpse, Mark, Reply, Says, Weight
from sniffdiag.marks.messages import BAD_REQUEST, MessageHead
from sniffdiag.model import HTTP_FAMILY, Direction, Leg

_NAME = "envoy-reply"
_FORBIDDEN, _NOT_FOUND, _UPGRADE_REQUIRED = 403, 404, 426
_UPSTREAM_ERROR = re.compile(
    rb"upstream connect error or disconnect/reset before headers[^\r\n]*?"
    rb"(?:reset reason: ([a-z -]+))?(?=[,\r\n]|\Z)"
)
_RESET_FLAGS = {
    "connection failure": "UF",
    "remote connection failure": "UF",
    "local connection failure": "UF",
    "connection timeout": "UF",
    "connection termination": "UC",
    "protocol error": "UPE",
    "overflow": "UO",
    "local reset": "LR",
    "remote reset": "UR",
    "remote refused stream reset": "UR",
    "local refused stream reset": "LR",
}
"""Reset reason in the body to the response flag of the access log."""
_BODIES = (
    (b"no healthy upstream", "UH"),
    (b"upstream request timeout", "UT"),
    (b"RBAC: access denied", "RBAC"),
    (b"stream timeout", "SI"),
)


def _read(glimpse: Glimpse) -> Iterator[Mark]:
    message = glimpse.answered
    about = _who(glimpse.leg, message)
    if message is None or about is None:
        return
    reply = _reply(glimpse, message)
    if reply is not None:
        words = f" {reply.text!r}" if reply.text else ""
        why = f"Envoy itself answered {reply.status}{words} ({reply.flag})"
        yield Mark(
            _NAME,
            about,
            Says.HTTP,
            why,
            by_client=False,
            at=message.at,
            weight=Weight.ANSWER,
            reply=reply,
        )


def _who(leg: Leg, message: MessageHead | None) -> Direction | None:
    """Whose sidecar the answer would be of."""
    if message is None or leg is Leg.PROXY_TO_APP or message.has("x-envoy-upstream-service-time"):
        return None
    server = message.values.get("server")
    if server == "istio-envoy":
        return Direction.INBOUND
    if server == "envoy" or message.is_bare_refusal:
        return Direction.OUTBOUND if leg is Leg.APP_TO_PROXY else Direction.INBOUND
    return None


def _reply(glimpse: Glimpse, message: MessageHead) -> Reply | None:
    asked = glimpse.asked
    if "server" in message.names:
        return _by_status(asked, message) or _by_body(message) or _refusal(glimpse, message)
    return _refusal(glimpse, message)


def _refusal(glimpse: Glimpse, message: MessageHead) -> Reply | None:
    """What HTTP filters say to bytes that are not HTTP."""
    spoke = bool(glimpse.heads.client.head) and glimpse.identified.protocol not in HTTP_FAMILY
    return Reply(BAD_REQUEST, "DPE", "") if spoke and message.status == BAD_REQUEST else None


def _by_status(asked: MessageHead | None, message: MessageHead) -> Reply | None:
    status = message.status or 0
    if asked is None:
        return None
    if status == _UPGRADE_REQUIRED and asked.version == "1.0":
        return Reply(status, "low_version", "")
    if not _is_empty(message):
        return None
    if status == _FORBIDDEN and asked.has("upgrade"):
        return Reply(status, "upgrade_failed", "")
    return Reply(status, "NR", "") if status == _NOT_FOUND else None


def _by_body(message: MessageHead) -> Reply | None:
    status = message.status or 0
    for words, flag in _BODIES:
        if message.body.startswith(words):
            return Reply(status, flag, text(words))
    found = _UPSTREAM_ERROR.match(message.body)
    if found is None:
        return None
    reason = text(found[1]).strip() if found[1] else ""
    return Reply(status, _RESET_FLAGS.get(reason, "UR" if reason else "UC"), reason)


def _is_empty(message: MessageHead) -> bool:
    return message.whole and message.values.get("content-length", "0") == "0" and not message.body


FAMILY = Family(_NAME, _read)
