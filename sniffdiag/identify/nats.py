"""NATS client protocol: the server greets with INFO and JSON, the client answers CONNECT and JSON.

Mid-stream it is recognised by its verbs with subjects, ids and sizes. Does not follow the leaf node
and route protocols beyond their INFO. Follows docs.nats.io "Client Protocol".
"""

from __future__ import annotations

from sniffdiag.identify.clue import any_of, anywhere, one_of, probe_sides, proof
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.text import Dialect, opening, resuming
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Literal
from sniffdiag.model import Transport

_SUBJECT = rb"[!-~]+"
_CLIENT = Dialect(
    first=lazy(rb"PING\s*\Z|PONG\s*\Z"),
    telling=lazy(
        rb"(?i:CONNECT)\s+\{|PUB " + _SUBJECT + rb"(?: " + _SUBJECT + rb")? \d+\s*\Z"
        rb"|HPUB " + _SUBJECT + rb"(?: " + _SUBJECT + rb")? \d+ \d+\s*\Z"
        rb"|SUB " + _SUBJECT + rb"(?: " + _SUBJECT + rb")? +[A-Za-z0-9]+\s*\Z"
        rb"|UNSUB [A-Za-z0-9]+(?: \d+)?\s*\Z",
    ),
    starts=b"CHPSUc",
    why="a NATS PING",
    why_telling="NATS client verb",
)
_SERVER = Dialect(
    first=lazy(rb"PING\s*\Z|PONG\s*\Z"),
    telling=lazy(
        rb"INFO\s+\{|MSG " + _SUBJECT + rb" [A-Za-z0-9]+(?: " + _SUBJECT + rb")? \d+\s*\Z"
        rb"|HMSG " + _SUBJECT + rb" [A-Za-z0-9]+(?: " + _SUBJECT + rb")? \d+ \d+\s*\Z"
        rb"|-ERR '",
    ),
    starts=b"-HIMP",
    why="a NATS PONG",
    why_telling="NATS server verb",
)

# Greeting and answer are longer than a line may be elsewhere, and need no line end to be sure.
_info = one_of(((Literal(0, b"INFO {"),), proof("NATS server INFO")))
_connect = one_of(((Literal(0, b"CONNECT {"),), proof("NATS client CONNECT")))

DETECTOR = Detector(
    protocol="nats",
    title="NATS",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(
        anywhere(any_of(_connect, opening(_CLIENT)), any_of(_connect, resuming(_CLIENT))),
        anywhere(any_of(_info, opening(_SERVER)), any_of(_info, resuming(_SERVER))),
    ),
    evidence="INFO {json} from the server, CONNECT {json} from the client, verbs with sizes.",
    midstream=True,
    server_first=True,
)
