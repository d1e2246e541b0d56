"""Make the captures of this folder: real servers and clients, one short conversation each.

    python pcaps/protocols/generate.py [NAME ...]        (root, network namespaces, tcpdump)

The servers are Debian's packages and PyPI's libraries; `README.md` names them. Each conversation
takes place on loopback of a namespace of its own, and is captured whole.
"""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMESPACE = "sniffdiag-protocols"
HOST = "shop"
"""What servers call the machine they run on."""
PYTHON = shlex.quote(sys.executable)
SETTLE_SECONDS, LONGEST_SECONDS = 1.5, 30


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation; commands are run by a shell in a folder of their own."""

    name: str
    port: int
    client: str
    server: str = "true"
    prepare: str = "true"
    transport: str = "tcp"


NGINX = """daemon off; error_log stderr; pid nginx.pid; events {{}}
http {{ access_log off; {temporary} server {{ listen {listen}; {more} root .; }} }}"""
TEMPORARY = " ".join(
    f"{name}_temp_path tmp_{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)
CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem "
    "-out cert.pem -days 3650 -subj /CN=web.shop.svc -addext subjectAltName=DNS:web.shop.svc"
)


def nginx(listen: str, more: str = "", first: str = "true") -> str:
    """Commands that write the configuration and a page."""
    text = NGINX.format(temporary=TEMPORARY, listen=listen, more=more)
    return f"{first}; echo hello > index.html; printf %s {shlex.quote(text)} > nginx.conf"


def python(code: str) -> str:
    """A command that runs these lines."""
    return f"{PYTHON} -c {shlex.quote(code)}"


GRPC = """
import grpc, concurrent.futures
def call(request, context): return request[::-1]
class Any(grpc.GenericRpcHandler):
    def service(self, details): return grpc.unary_unary_rpc_method_handler(call)
server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), (Any(),))
server.add_insecure_port("127.0.0.1:50051")
server.start()
server.wait_for_termination()
"""
GRPC_CALL = """
import grpc
with grpc.insecure_channel("127.0.0.1:50051") as channel:
    call = channel.unary_unary("/shop.Cart/Get")
    for number in range(3):
        call(b"item %d" % number)
"""
WEBSOCKET = """
import asyncio, websockets
async def echo(connection):
    async for message in connection: await connection.send(message)
async def main():
    async with websockets.serve(echo, "127.0.0.1", 8765): await asyncio.Future()
asyncio.run(main())
"""
WEBSOCKET_CALL = """
import asyncio, websockets
async def main():
    async with websockets.connect("ws://127.0.0.1:8765/feed") as connection:
        for number in range(3):
            await connection.send(f"message {number}")
            await connection.recv()
asyncio.run(main())
"""
MYSQL_CALL = """
import pymysql
connection = pymysql.connect(host="127.0.0.1", port=3306, user="shop", ssl_disabled=True)
with connection.cursor() as cursor:
    for number in range(3):
        cursor.execute("SELECT %s + 1", (number,))
        cursor.fetchall()
connection.close()
"""
MEMCACHED_CALL = """
import socket
connection = socket.create_connection(("127.0.0.1", 11211))
for line in ("set item 0 0 5\\r\\nhello", "get item", "version", "delete item"):
    connection.sendall(line.encode() + b"\\r\\n")
    connection.recv(1000)
"""
REDIS_CALL = """
import socket
connection = socket.create_connection(("127.0.0.1", 6380))
for line in (b"PING\\r\\n", b"SET item hello\\r\\n", b"GET item\\r\\n", b"QUIT\\r\\n"):
    connection.sendall(line)
    connection.recv(1000)
"""
NATS_CALL = """
import asyncio, nats
async def main():
    connection = await nats.connect("nats://127.0.0.1:4222")
    feed = await connection.subscribe("shop.orders")
    for number in range(3):
        await connection.publish("shop.orders", b"order %d" % number)
        await feed.next_msg(timeout=5)
    await connection.close()
asyncio.run(main())
"""
IRC_CALL = """
import socket, time
connection = socket.create_connection(("127.0.0.1", 6667))
for line in ("NICK ann", "USER ann 0 * :Ann", "JOIN #shop", "PRIVMSG #shop :hello", "QUIT"):
    connection.sendall(line.encode() + b"\\r\\n")
    time.sleep(0.2)
    connection.recv(9000)
"""
BEANSTALK_CALL = """
import socket
connection = socket.create_connection(("127.0.0.1", 11300))
for line in (b"put 0 0 60 5\\r\\nhello\\r\\n", b"reserve\\r\\n", b"delete 1\\r\\n"):
    connection.sendall(line)
    connection.recv(1000)
"""
SMTP_CALL = """
import smtplib
with smtplib.SMTP("127.0.0.1", 2525) as mail:
    mail.ehlo("client.shop.svc")
    mail.noop()
    mail.mail("ann@shop.svc")
    mail.rset()
"""
ZMTP_CALL = """
import zmq
context = zmq.Context()
server, client = context.socket(zmq.REP), context.socket(zmq.REQ)
server.bind("tcp://127.0.0.1:5555")
client.connect("tcp://127.0.0.1:5555")
for number in range(3):
    client.send(b"question %d" % number)
    server.send(server.recv()[::-1])
    client.recv()
context.destroy()
"""
QUIC = """
import asyncio
from aioquic.asyncio import serve
from aioquic.quic.configuration import QuicConfiguration
configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
configuration.load_cert_chain("cert.pem", "key.pem")
async def main():
    await serve("127.0.0.1", 4433, configuration=configuration)
    await asyncio.Future()
asyncio.run(main())
"""
QUIC_CALL = """
import asyncio, ssl
from aioquic.asyncio import connect
from aioquic.quic.configuration import QuicConfiguration
configuration = QuicConfiguration(alpn_protocols=["h3"], server_name="web.shop.svc")
configuration.verify_mode = ssl.CERT_NONE
async def main():
    async with connect("127.0.0.1", 4433, configuration=configuration) as connection:
        await connection.ping()
asyncio.run(main())
"""
DOVECOT = """protocols = imap pop3
base_dir = HERE/run
log_path = HERE/log
ssl = no
disable_plaintext_auth = no
default_internal_user = dovecot
default_login_user = dovenull
listen = 127.0.0.1
mail_location = maildir:HERE/mail
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=HERE/mail
}
"""
SLAPD = """include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile pid
database mdb
suffix dc=shop
rootdn cn=admin,dc=shop
rootpw x
directory data
"""
SMTPD = """listen on 127.0.0.1 port 2525
action relayed relay
match from any for any action relayed
"""

CASES = (
    Case(
        "http-nginx", 8080, "curl -s http://127.0.0.1:8080/ http://127.0.0.1:8080/missing",
        "nginx -p . -c nginx.conf -e stderr", nginx("127.0.0.1:8080"),
    ),
    Case(
        "http-python", 8000, "curl -s -T page http://127.0.0.1:8000/ http://127.0.0.1:8000/page",
        f"{PYTHON} -m http.server -b 127.0.0.1 8000", "echo hello > page",
    ),
    Case(
        "tls-nginx", 8443,
        "curl -s -k --resolve web.shop.svc:8443:127.0.0.1 https://web.shop.svc:8443/",
        "nginx -p . -c nginx.conf -e stderr",
        nginx("127.0.0.1:8443 ssl", "ssl_certificate cert.pem; ssl_certificate_key key.pem;",
              CERTIFICATE),
    ),
    Case(
        "tls-1.2-nginx", 8444,
        "curl -s -k --tls-max 1.2 --resolve web.shop.svc:8444:127.0.0.1 https://web.shop.svc:8444/",
        "nginx -p . -c nginx.conf -e stderr",
        nginx("127.0.0.1:8444 ssl", "ssl_certificate cert.pem; ssl_certificate_key key.pem;",
              CERTIFICATE),
    ),
    Case(
        "http2-nghttpd", 8001, "nghttp http://127.0.0.1:8001/page http://127.0.0.1:8001/missing",
        "nghttpd --no-tls -a 127.0.0.1 -d . 8001", "echo hello > page",
    ),
    Case(
        "http-h2c-refused", 8002, "nghttp -u http://127.0.0.1:8002/page",
        "nghttpd --no-tls -a 127.0.0.1 -d . 8002", "echo hello > page",
    ),
    Case("grpc-python", 50051, python(GRPC_CALL), python(GRPC)),
    Case(
        "grpc-etcd", 2379,
        "ETCDCTL_API=3 etcdctl --endpoints=127.0.0.1:2379 put /shop/cart full; "
        "ETCDCTL_API=3 etcdctl --endpoints=127.0.0.1:2379 get /shop/cart",
        "etcd --data-dir data --listen-peer-urls http://127.0.0.1:2380",
    ),
    Case("websocket-python", 8765, python(WEBSOCKET_CALL), python(WEBSOCKET)),
    Case(
        "mysql-mariadb", 3306, python(MYSQL_CALL),
        "exec mariadbd --no-defaults --user=mysql --datadir=$PWD/data --socket=$PWD/s "
        "--bind-address=127.0.0.1 --pid-file=$PWD/pid --init-file=$PWD/init",
        "chown mysql .; mariadb-install-db --no-defaults --user=mysql --datadir=$PWD/data "
        "--skip-test-db >/dev/null; echo \"CREATE USER 'shop'@'127.0.0.1';\" > init; "
        "chmod 644 init",
    ),
    Case(
        "postgres", 5432,
        "psql -h 127.0.0.1 -U postgres -c 'SELECT 1' -c 'SELECT no' 'sslmode=disable'",
        "exec setpriv --reuid=postgres --regid=postgres --clear-groups "
        "/usr/lib/postgresql/15/bin/postgres -D data -h 127.0.0.1 -k $PWD",
        "chown postgres .; setpriv --reuid=postgres --regid=postgres --clear-groups "
        "/usr/lib/postgresql/15/bin/initdb -A trust -D data >/dev/null",
    ),
    Case(
        "redis", 6379, "redis-cli SET item hello; redis-cli GET item; redis-cli NO SUCH",
        "redis-server --bind 127.0.0.1 --save ''",
    ),
    Case(
        "redis-inline", 6380, python(REDIS_CALL),
        "redis-server --bind 127.0.0.1 --port 6380 --save ''",
    ),
    Case("memcached", 11211, python(MEMCACHED_CALL), "memcached -u nobody -l 127.0.0.1"),
    Case(
        "mqtt-mosquitto", 1883,
        "mosquitto_sub -h 127.0.0.1 -t shop/# -C 1 & sleep 0.5; "
        "mosquitto_pub -h 127.0.0.1 -t shop/orders -m hello -q 1; wait",
        "mosquitto",
    ),
    Case("nats", 4222, python(NATS_CALL), "nats-server -a 127.0.0.1"),
    Case(
        "ssh", 2222,
        "ssh -F none -i id -p 2222 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
        "root@127.0.0.1 true",
        "mkdir -p /run/sshd; /usr/sbin/sshd -D -f none -h $PWD/host -p 2222 "
        "-o ListenAddress=127.0.0.1 -o UsePAM=no -o PidFile=none",
        "ssh-keygen -q -t ed25519 -N '' -f host; ssh-keygen -q -t ed25519 -N '' -f id",
    ),
    Case(
        "socks-ssh", 1080, "curl -s --socks5 127.0.0.1:1080 http://127.0.0.1:8000/",
        f"mkdir -p /run/sshd; {PYTHON} -m http.server -b 127.0.0.1 8000 & "
        "/usr/sbin/sshd -D -f none -h $PWD/host -p 2222 -o PidFile=none -o UsePAM=no "
        "-o AuthorizedKeysFile=$PWD/id.pub -o StrictModes=no & sleep 0.5; exec ssh -F none -i id "
        "-p 2222 -N -D 127.0.0.1:1080 -o StrictHostKeyChecking=no "
        "-o UserKnownHostsFile=/dev/null root@127.0.0.1",
        "ssh-keygen -q -t ed25519 -N '' -f host; ssh-keygen -q -t ed25519 -N '' -f id",
    ),
    Case(
        "ftp-vsftpd", 2121, "curl -s --disable-epsv ftp://127.0.0.1:2121/",
        "vsftpd $PWD/conf",
        "mkdir -p /var/run/vsftpd/empty /srv/ftp; printf 'listen=YES\\nlisten_port=2121\\n"
        "anonymous_enable=YES\\nbackground=NO\\nanon_root=/srv/ftp\\n"
        "seccomp_sandbox=NO\\n' > conf",
    ),
    Case(
        "smtp-opensmtpd", 2525, python(SMTP_CALL), "smtpd -d -f smtpd.conf",
        f"printf %s {shlex.quote(SMTPD)} > smtpd.conf",
    ),
    Case(
        "imap-dovecot", 143, "curl -s imap://ann:x@127.0.0.1/", "dovecot -F -c conf",
        f"mkdir mail; chown nobody mail; printf %s {shlex.quote(DOVECOT)} | "
        'sed "s|HERE|$PWD|" > conf',
    ),
    Case(
        "pop3-dovecot", 110, "curl -s pop3://ann:x@127.0.0.1/", "dovecot -F -c conf",
        f"mkdir mail; chown nobody mail; printf %s {shlex.quote(DOVECOT)} | "
        'sed "s|HERE|$PWD|" > conf',
    ),
    Case(
        "dns-dnsmasq", 5300,
        "dig +short -p 5300 @127.0.0.1 web.shop.svc A; dig +short -p 5300 @127.0.0.1 no.svc AAAA",
        "dnsmasq -k -p 5300 -a 127.0.0.1 -z -h -R -A /web.shop.svc/10.0.0.7 -u root -x $PWD/pid",
        transport="udp",
    ),
    Case(
        "dns-over-tcp", 5301, "dig +tcp +short -p 5301 @127.0.0.1 web.shop.svc A",
        "dnsmasq -k -p 5301 -a 127.0.0.1 -z -h -R -A /web.shop.svc/10.0.0.7 -u root -x $PWD/pid",
    ),
    Case(
        "irc-ngircd", 6667, python(IRC_CALL), "ngircd -n -f $PWD/conf",
        "printf '[Global]\\nName = irc.shop.svc\\nInfo = shop\\nListen = 127.0.0.1\\n"
        "[Options]\\nDNS = no\\nIdent = no\\nPAM = no\\n' > conf",
    ),
    Case(
        "ldap-slapd", 3890,
        "ldapsearch -x -H ldap://127.0.0.1:3890 -s base -b '' namingContexts",
        "slapd -d 0 -h ldap://127.0.0.1:3890 -f conf",
        f"mkdir data; printf %s {shlex.quote(SLAPD)} > conf",
    ),
    Case(
        "ntp-chrony", 1230,
        "chronyd -t 4 -Q -u root 'server 127.0.0.1 port 1230 iburst' 'pidfile /dev/null' "
        "'cmdport 0' 'bindcmdaddress /'",
        "exec chronyd -n -x -u root 'port 1230' 'allow 127.0.0.1' 'local stratum 5' "
        "\"pidfile $PWD/pid\" 'cmdport 0' 'bindcmdaddress /'",
        transport="udp",
    ),
    Case(
        "snmp", 1610, "snmpget -v2c -c public 127.0.0.1:1610 1.3.6.1.2.1.1.5.0",
        "snmpd -f -C -c conf -Lo -p $PWD/pid udp:127.0.0.1:1610",
        "echo 'rocommunity public' > conf", transport="udp",
    ),
    Case(
        "stun-coturn", 3478, "turnutils_stunclient -p 3478 127.0.0.1",
        "turnserver -n -L 127.0.0.1 -p 3478 --no-tls --no-dtls --no-cli -z --pidfile $PWD/pid",
        transport="udp",
    ),
    Case(
        "git", 9418, "git ls-remote git://127.0.0.1/repository",
        "git daemon --listen=127.0.0.1 --base-path=. --export-all",
        "git init -q repository; cd repository; git -c user.name=a -c user.email=a@b commit -q "
        "--allow-empty -m first",
    ),
    Case(
        "rsync", 8730, "rsync --port=8730 rsync://127.0.0.1/files/",
        "rsync --daemon --no-detach --config=conf --port=8730 --address=127.0.0.1",
        "mkdir files; echo hello > files/page; "
        "printf 'use chroot = no\\n[files]\\npath = files\\n' > conf",
    ),
    Case(
        "http-squid", 3128, "curl -s -x 127.0.0.1:3128 http://127.0.0.1:8000/page",
        f"{PYTHON} -m http.server -b 127.0.0.1 8000 & exec squid -N -f conf",
        "chmod 777 .; echo hello > page; "
        "printf 'http_port 127.0.0.1:3128\\nhttp_access allow all\\n"
        "cache deny all\\npid_filename none\\naccess_log none\\ncache_log /dev/null\\n' > conf",
    ),
    Case("zmtp", 5555, python(ZMTP_CALL)),
    Case("quic-aioquic", 4433, python(QUIC_CALL), python(QUIC), CERTIFICATE, "udp"),
    Case(
        "dtls-openssl", 4434,
        "(echo hello; sleep 1) | openssl s_client -dtls1_2 -connect 127.0.0.1:4434",
        "openssl s_server -dtls1_2 -accept 127.0.0.1:4434 -cert cert.pem -key key.pem",
        CERTIFICATE, "udp",
    ),
    Case("tcp-beanstalkd", 11300, python(BEANSTALK_CALL), "beanstalkd -l 127.0.0.1"),
)  # fmt: skip


@contextmanager
def running(command: str, folder: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command in the namespace, ended with everything it started."""
    named = f"hostname {HOST}; {command}"
    whole = ("ip", "netns", "exec", NAMESPACE, "unshare", "--uts", "setsid", "--wait",
             "sh", "-c", named)  # fmt: skip
    with Path(folder, "output").open("ab") as output:
        process = subprocess.Popen(whole, cwd=folder, stdin=subprocess.PIPE, stdout=output,
                                   stderr=output)  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()


def end_all() -> None:
    """End what is left in the namespace."""
    listed = subprocess.run(
        ("ip", "netns", "pids", NAMESPACE), capture_output=True, text=True, check=False
    )
    for number in listed.stdout.split():
        subprocess.run(("kill", "-KILL", number), check=False, stderr=subprocess.DEVNULL)


def record(case: Case) -> str:
    """Capture one conversation; what went wrong, if anything did."""
    subprocess.run(("ip", "netns", "add", NAMESPACE), check=True)
    folder = tempfile.mkdtemp(prefix="protocols-")
    Path(folder).chmod(0o755)
    subprocess.run(("ip", "-n", NAMESPACE, "link", "set", "lo", "up"), check=True)
    path = HERE / f"{case.name}.pcap"
    capture = ("tcpdump", "-i", "lo", "-U", "-Z", "root", "-w", str(path),
               f"{case.transport} port {case.port}")  # fmt: skip
    try:
        with ExitStack() as stack:
            with running(case.prepare, folder) as preparing:
                preparing.wait(LONGEST_SECONDS)
            stack.enter_context(running(case.server, folder))
            time.sleep(SETTLE_SECONDS)
            tap = subprocess.Popen(("ip", "netns", "exec", NAMESPACE, *capture),
                                   stderr=subprocess.PIPE)  # fmt: skip
            time.sleep(SETTLE_SECONDS)
            try:
                client = stack.enter_context(running(case.client, folder))
                client.wait(LONGEST_SECONDS)
            finally:
                time.sleep(SETTLE_SECONDS)
                tap.send_signal(signal.SIGINT)
                tap.wait()
        failed = path.stat().st_size < 200
        return Path(folder, "output").read_text(errors="replace")[-600:] if failed else ""
    except subprocess.TimeoutExpired as error:
        return f"{error}"
    finally:
        end_all()
        subprocess.run(("ip", "netns", "del", NAMESPACE), check=True)
        shutil.rmtree(folder, ignore_errors=True)


def main(names: list[str]) -> None:
    """Write the captures beside this file."""
    for case in CASES:
        if not names or case.name in names:
            problem = record(case)
            print(f"{case.name}: {problem or 'captured'}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
