"""Redis serialization protocol, RESP2 and RESP3 (also KeyDB, Dragonfly, Valkey, Codis, twemproxy).

Commands as arrays of bulk strings are unmistakable; inline commands and short replies are not, so
those count only when both sides agree. Does not read keys or values. Follows redis.io "Redis
serialization protocol specification".
"""

from __future__ import annotations

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    any_of,
    anywhere,
    beginning,
    hint,
    lean,
    probe_sides,
    proof,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.text import begins_as_line
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Text
from sniffdiag.model import Transport

_ARRAY = lazy(rb"[*>~%](\d{1,7})\r\n\$(\d{1,9})\r\n")
_CUT_ARRAY = lazy(rb"[*>~%](\d{1,7}(\r(\n(\$(\d{1,9}(\r)?)?)?)?)?)?\Z")
_COMMAND_WORD = lazy(rb"[A-Za-z][A-Za-z0-9._|-]{0,31}\r\n")
LONGEST_COMMAND_WORD = 32
_INLINE = lazy(
    rb"(?i:PING|ECHO|GET|SET|SETEX|DEL|EXISTS|EXPIRE|INCR|DECR|INFO|SELECT|KEYS|CONFIG|MONITOR|CLIENT"
    rb"|COMMAND|HELLO|DBSIZE|FLUSHALL|FLUSHDB|SCAN|TYPE|TTL|MGET|MSET|HGET|HSET|HGETALL|LPUSH|RPUSH"
    rb"|LRANGE|LPOP|RPOP|SADD|SMEMBERS|ZADD|ZRANGE|SUBSCRIBE|PUBLISH|SLAVEOF|REPLICAOF|REPLCONF"
    rb"|PSYNC|SYNC|EVAL|CLUSTER|SENTINEL|MULTI|EXEC|SAVE|BGSAVE)(?: +[^ /{\r\n][^\r\n]*)?\r?\n",
)
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_HTTP_VERSION = lazy(rb" HTTP/\d\.\d\r?\n")

_SIMPLE = lazy(
    rb"\+(?:OK|PONG|QUEUED|Background saving started|FULLRESYNC [0-9a-f]{40} \d+"
    rb"|CONTINUE[^\r\n]{0,48}|none|string|list|set|zset|hash|stream|(?:[A-Za-z ]{2,64}))\r\n"
    rb"|-(?:ERR|WRONGTYPE|NOAUTH|WRONGPASS|NOPERM|MOVED|ASK|LOADING|BUSY|READONLY|OOM|EXECABORT"
    rb"|MASTERDOWN|MISCONF|NOSCRIPT|CLUSTERDOWN|CROSSSLOT|TRYAGAIN|NOPROTO|DENIED|BUSYKEY"
    rb"|NOREPLICAS|UNKILLABLE|NOGOODSLAVE) [^\r\n]{0,400}\r\n"
    rb"|:-?\d{1,19}\r\n|\$-1\r\n|\*-1\r\n|[*~%>]\d{1,7}\r\n(?=[+:$*,#_%~(=-])|\*0\r\n|_\r\n|#[tf]\r\n"
    rb"|,-?[\d.einfa+-]{1,30}\r\n",
)
_BULK = lazy(rb"[$=](\d{1,9})\r\n")
_REPLY_START = b"+-:$*_#,(!=%~>|"
_CUT_REPLY_BYTES = 512
SURE_AFTER_REPLIES = 3
REPLIES_READ = 64


@beginning((Text(0, 1, b"*>~%"), Text(1, 1, b"0123456789")))
def _array_command(data: bytes) -> Clue:
    head = _ARRAY.match(data)
    if head is None:
        return OPEN if _CUT_ARRAY.match(data) else AGAINST
    count, length = int(head[1]), int(head[2])
    if not count or length not in range(1, LONGEST_COMMAND_WORD + 1):
        return AGAINST
    word = data[head.end() : head.end() + length + 2]
    if len(word) < length + len(b"\r\n"):
        return OPEN
    return proof("Redis command array") if _COMMAND_WORD.fullmatch(word) else AGAINST


@beginning((Text(0, 1, b"BCDEFGHIKLMPRSTZbcdefghiklmprstz"), Text(1, 1, _LETTERS)))
def _inline(data: bytes) -> Clue:
    line, end, _ = data.partition(b"\n")
    if not end:
        return OPEN if line[:1].isalpha() and begins_as_line(line) else AGAINST
    command = line + end
    fits = _INLINE.fullmatch(command) and not _HTTP_VERSION.search(command)
    return hint("Redis inline command") if fits else AGAINST


_command = any_of(_array_command, _inline)


def _value_end(data: bytes, at: int) -> int:
    """Where the value at `at` ends; 0 where none can begin there, -1 while it is cut."""
    simple = _SIMPLE.match(data, at)
    if simple:
        return simple.end()
    bulk = _BULK.match(data, at)
    if bulk is None:
        left = data[at : at + _CUT_REPLY_BYTES]
        return (
            -1
            if left[:1] in _REPLY_START and b"\n" not in left and len(left) < _CUT_REPLY_BYTES
            else 0
        )
    end = bulk.end() + int(bulk[1])
    if len(data) < end + len(b"\r\n"):
        return -1
    return end + len(b"\r\n") if data.startswith(b"\r\n", end) else 0


@beginning((Text(0, 1, b"+-:$*~%>=_#,"),))
def _reply(data: bytes) -> Clue:
    at, values, bulks = 0, 0, 0
    while at < len(data) and values < REPLIES_READ:
        end = _value_end(data, at)
        if end <= 0:
            break
        bulks += data[at] == ord("$") and not data.startswith(b"$-1", at)
        at, values = end, values + 1
    if bulks and values >= SURE_AFTER_REPLIES:
        return proof("Redis values of declared lengths, one after the other")
    if values:
        return hint("a Redis reply")
    cut = not data or _value_end(data, 0) < 0
    if _BULK.match(data) and cut:
        return lean("the beginning of a Redis bulk reply")
    return OPEN if cut else AGAINST


DETECTOR = Detector(
    protocol="redis",
    title="Redis",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(anywhere(_command, _array_command), anywhere(_reply, _reply)),
    evidence="Command arrays of bulk strings; inline commands only with a Redis reply; replies "
    "alone are possible, three values with checked lengths are certain.",
    midstream=True,
)
