"""Options of `sniffdiag live`, spelled as tcpdump spells them where it has them."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated

import typer

MOST_RING_KIB = 2 * 1024 * 1024
"""The kernel would try to give all of its memory away."""


class LiveFormat(StrEnum):
    """Formats of the final report, and `ndjson`: events on the way to it."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    NDJSON = "ndjson"


class Engine(StrEnum):
    """What captures."""

    AUTO = "auto"
    SCAPY = "scapy"


def _refuse_nan(seconds: float | None) -> float | None:
    """No time is ever as late as that, so the capture would not end."""
    if seconds is not None and math.isnan(seconds):
        raise typer.BadParameter("give a number of seconds")
    return seconds


Filter = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FILTER...",
        help="Which packets, in tcpdump's syntax: port 8080 and host 10.0.0.7.",
        show_default=False,
    ),
]
Interface = Annotated[
    list[str] | None,
    typer.Option(
        "--interface",
        "-i",
        metavar="NAME",
        help="Where to capture: an interface, or any for all of them (the default). May be "
        "repeated.",
        show_default=False,
    ),
]
ReadPipe = Annotated[
    str | None,
    typer.Option(
        "-r",
        metavar="PIPE",
        help="Read a capture as it comes, - for standard input: ssh node tcpdump -U -w - | "
        "sniffdiag live -r - ...",
        show_default=False,
    ),
]
WriteFile = Annotated[
    str | None,
    typer.Option(
        "-w",
        metavar="FILE",
        help="Write what is captured to a pcapng file; analyze makes the same report of it.",
        show_default=False,
    ),
]
Megabytes = Annotated[
    int,
    typer.Option(
        "-C",
        metavar="MB",
        min=0,
        help="Begin a new file after so many million bytes: FILE, FILE1, FILE2 ...",
        show_default=False,
    ),
]
Seconds = Annotated[
    int,
    typer.Option(
        "-G",
        metavar="SECONDS",
        min=0,
        help="Begin a new file after so many seconds; FILE may hold letters of strftime.",
        show_default=False,
    ),
]
Files = Annotated[
    int,
    typer.Option(
        "-W",
        metavar="FILES",
        min=0,
        help="Keep so many files of -C, the oldest overwritten; end after so many of -G.",
        show_default=False,
    ),
]
Duration = Annotated[
    float | None,
    typer.Option(
        "--duration",
        metavar="SECONDS",
        min=0,
        help="End then.",
        show_default=False,
        callback=_refuse_nan,
    ),
]
Count = Annotated[
    int | None,
    typer.Option(
        "--count", "-c", metavar="N", min=1, help="End after so many frames.", show_default=False
    ),
]
MaxBytes = Annotated[
    int | None,
    typer.Option(
        "--max-bytes",
        metavar="BYTES",
        min=1,
        help="End with the frame that makes it so many captured bytes.",
        show_default=False,
    ),
]
UntilVerdict = Annotated[
    bool,
    typer.Option(
        "--until-verdict",
        help="End when every declared port with traffic, one at least, has a verdict that rests "
        "on 5 connections or more.",
    ),
]
Snaplen = Annotated[
    int, typer.Option("--snaplen", metavar="BYTES", min=64, help="Bytes kept of each frame.")
]
Buffer = Annotated[
    int,
    typer.Option(
        "--buffer-size",
        "-B",
        metavar="KIB",
        min=1,
        max=MOST_RING_KIB,
        help="The kernel's ring, for each interface.",
    ),
]
MaxFlows = Annotated[
    int,
    typer.Option(
        "--max-flows",
        metavar="N",
        min=1_000,
        help="Flows held in memory; beyond that, those idle for longest are sealed and counted.",
    ),
]
Promiscuous = Annotated[
    bool,
    typer.Option("--promiscuous", help="Capture what is addressed to other machines, too."),
]
CaptureEngine = Annotated[
    Engine,
    typer.Option("--engine", help="auto is a ring in memory on Linux and scapy elsewhere."),
]
User = Annotated[
    str,
    typer.Option(
        "-Z",
        metavar="USER",
        help="Whom root becomes once all is open; else the user behind sudo, or nobody.",
        show_default=False,
    ),
]
Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="ADDRESS",
        help="Serve Prometheus metrics, at 127.0.0.1:9464 for instance.",
        show_default=False,
    ),
]
LiveOutput = Annotated[
    LiveFormat,
    typer.Option("-o", "--output", help="Format of the report; ndjson tells events on the way."),
]
