"""HTTP/1.x conversations, and lines that only look like it."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi"

SAMPLES = Samples(
    protocol="http",
    certain=(
        Talk(name="get", client=b"GET /a?b=1 HTTP/1.1\r\nHost: web\r\n\r\n", server=OK),
        Talk(name="request alone", client=b"GET / HTTP/1.1\r\nHost: web\r\n\r\n"),
        Talk(name="response alone", server=OK),
        Talk(name="unheard-of method", client=b"X-Y.Z~1 /a HTTP/1.1\r\nHost: web\r\n\r\n"),
        Talk(name="http/1.0", client=b"GET / HTTP/1.0\r\n\r\n", server=b"HTTP/1.0 200 OK\r\n\r\n"),
        Talk(name="426 to http/1.0", server=b"HTTP/1.1 426 Upgrade Required\r\n\r\n"),
        Talk(name="bare line feeds", client=b"GET / HTTP/1.1\nHost: web\n\n"),
        Talk(name="empty lines first", client=b"\r\n\r\nPOST / HTTP/1.1\r\nHost: web\r\n\r\n"),
        Talk(name="asterisk", client=b"OPTIONS * HTTP/1.1\r\nHost: web\r\n\r\n"),
        Talk(name="absolute form", client=b"GET http://web/a HTTP/1.1\r\nHost: web\r\n\r\n"),
        Talk(
            name="connect, then tls",
            client=b"CONNECT web:443 HTTP/1.1\r\nHost: web:443\r\n\r\n\x16\x03\x01\x00\x05\x01",
            server=b"HTTP/1.1 200 Connection established\r\n\r\n",
        ),
        Talk(name="space in the path", client=b"GET /a page HTTP/1.0\r\n\r\n"),
        Talk(name="utf-8 target", client="GET /é HTTP/1.1\r\nHost: web\r\n\r\n".encode()),
        Talk(
            name="chunked upload, answered early",
            client=b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            server=b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n\r\n",
        ),
        Talk(
            name="h2c offered and declined",
            client=b"GET / HTTP/1.1\r\nHost: web\r\nUpgrade: h2c\r\n\r\n",
            server=OK,
        ),
        Talk(
            name="websocket refused",
            client=b"GET /ws HTTP/1.1\r\nHost: web\r\nUpgrade: websocket\r\n\r\n",
            server=b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        ),
        Talk(
            name="grpc that a proxy turned into http/1.1",
            client=b"POST /a.B/C HTTP/1.1\r\nHost: web\r\nContent-Type: application/grpc\r\n\r\n",
            server=b"HTTP/1.1 426 Upgrade Required\r\n\r\n",
        ),
        Talk(name="two spaces", client=b"GET  / HTTP/1.1\r\nHost: web\r\n\r\n"),
        Talk(name="tabs", client=b"POST\t/\tHTTP/1.1\r\n\r\n", server=OK),
        Talk(name="blank first", client=b" GET / HTTP/1.1\r\nHost: web\r\n\r\n"),
        Talk(name="control in the target", client=b"GET /a\x01\tb HTTP/1.1\r\n\r\n", server=OK),
        Talk(name="version of another protocol", client=b"GET / HTTP/2.0\r\nHost: web\r\n\r\n"),
        Talk(name="version in small letters", client=b"get / http/1.1\r\nHost: web\r\n\r\n"),
        Talk(name="status line without status", server=b"HTTP/1.1\r\nServer: a\r\n\r\n"),
        Talk(name="status line in small letters", server=b"http/1.0 200 OK\r\n\r\n"),
        Talk(name="status line behind an empty one", server=b"\r\nHTTP/1.1 200 OK\r\n\r\n"),
        Talk(
            name="joined at a request",
            client=b"GET /next HTTP/1.1\r\nHost: web\r\n\r\n",
            midstream=True,
        ),
        Talk(
            name="joined inside both bodies",
            client=b'd":"x"}POST /next HTTP/1.1\r\nHost: web\r\n\r\n',
            server=b"</html>HTTP/1.1 200 OK\r\nServer: a\r\n\r\n",
            midstream=True,
        ),
    ),
    possible=(
        Talk(name="http/0.9", client=b"GET /index.html\r\n", server=b"<html></html>"),
        Talk(name="long target, cut", client=b"GET /" + b"a" * 200),
        Talk(name="joined, target cut", client=b"GET /a/page?of=many", midstream=True),
        Talk(
            name="text of a response inside another stream",
            server=b"....HTTP/1.1 200 OK\r\nServer: a\r\n\r\n",
            midstream=True,
        ),
    ),
    almost=(
        Talk(name="http/2 preface", client=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        Talk(
            name="rtsp",
            client=b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
            server=b"RTSP/1.0 200 OK\r\n",
        ),
        Talk(name="sip", client=b"INVITE sip:a@b SIP/2.0\r\n", server=b"SIP/2.0 200 OK\r\n"),
        Talk(name="icap", client=b"REQMOD icap://a/b ICAP/1.0\r\n", server=b"ICAP/1.0 200 OK\r\n"),
        Talk(name="icecast", server=b"ICY 200 OK\r\n\r\n"),
        Talk(name="redis inline", client=b"GET key\r\n", server=b"$3\r\nabc\r\n"),
        Talk(name="memcached", client=b"get key\r\n", server=b"END\r\n"),
        Talk(name="joined, no method", client=b"FETCH /a/page", midstream=True),
        Talk(name="another version", client=b"GET / ICAP/1.0\r\nHost: web\r\n\r\n"),
        Talk(name="version in the second line", client=b"GET a\r\nb HTTP/1.1\r\n"),
        Talk(name="two words", client=b"hello world again and again\r\n"),
    ),
)
