"""Records the captures of this folder: openssl talks to itself on loopback, tcpdump listens.

Needs root, tcpdump and openssl 3: `sudo .venv/bin/python pcaps/tls/generate.py`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from loopback import HOST, certificate, recorded

HERE = Path(__file__).parent
PORT = 8444
WEAK = ["-cipher", "DEFAULT@SECLEVEL=0"]
"""Old versions are refused by OpenSSL itself without it."""
CASES: dict[str, tuple[list[str], list[str]]] = {
    "tls12": (["-tls1_2", "-alpn", "h2,http/1.1"], ["-alpn", "h2"]),
    "tls13": (["-alpn", "h2,http/1.1"], ["-alpn", "h2"]),
    "hello-retry-request": (["-groups", "X25519:P-256"], ["-groups", "P-256"]),
    "protocol-version": (["-tls1_1", *WEAK], ["-tls1_2"]),
    "no-common-alpn": (["-tls1_2", "-alpn", "h2"], ["-alpn", "istio-peer-exchange"]),
    "unknown-ca": (["-tls1_2", "-verify_return_error", "-no-CAfile", "-no-CApath"], []),
    "client-certificate-missing": (["-tls1_2"], ["-Verify", "1", "-verify_return_error"]),
}
"""Name of the capture, and the options of `openssl s_client` and `s_server`."""


def talk(files: tuple[Path, Path], client: list[str], server: list[str]) -> None:
    """One handshake, whatever comes of it."""
    cert, key = map(str, files)
    serving = ["openssl", "s_server", "-accept", str(PORT), "-cert", cert, "-key", key, "-quiet"]
    asking = ["openssl", "s_client", "-connect", f"127.0.0.1:{PORT}", "-servername", HOST]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*serving, *server], stdin=subprocess.PIPE, **quiet) as listener:
        time.sleep(0.5)
        subprocess.run([*asking, *client], input=b"Q\n", check=False, timeout=5, **quiet)
        time.sleep(0.2)
        listener.terminate()


def main() -> None:
    """All cases."""
    with tempfile.TemporaryDirectory() as folder:
        files = certificate(Path(folder))
        for name, (client, server) in CASES.items():
            with recorded(HERE / f"{name}.pcap", f"tcp port {PORT}"):
                talk(files, client, server)
            print(name, (HERE / f"{name}.pcap").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
