"""`PodCapture`: tcpdump inside a pod, its capture on a pipe.

An ephemeral debug container shares the pod's network, so that nothing needs to be installed there
and no right on the node is needed. It does nothing but wait; tcpdump is run in it by `kubectl
exec`, whose standard output is the capture and nothing else. (What a container itself prints goes
to the node's log files, and what kubectl attaches to late is lost.) Ephemeral containers cannot be
removed: this one is ended, and stays in the pod's description until the pod is replaced.
"""

from __future__ import annotations

import json
import secrets
import tempfile
import time
from types import TracebackType
from typing import Any, BinaryIO, Self

from sniffdiag.errors import SniffdiagError, SourceError
from sniffdiag.kubectl import Ended, Kubectl, Running
from sniffdiag.records import dataclass
from sniffdiag.sources.pod_refusals import explained

_WAIT = 'trap "exit 0" TERM; echo $$ >/tmp/sniffdiag.pid; sleep {seconds} & wait'
_END = "kill $(cat /tmp/sniffdiag.pid)"
"""Only the process itself can end the first process of a container, from inside."""
_LONGEST_S = 24 * 3600
"""A debug container that nobody ended, since sniffdiag was killed, ends itself."""
_START_S = 180.0
"""To pull the image and start it."""
_ASK_EVERY_S = 0.5
_END_S = 15.0
_PULL_BACKOFF = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName"})
_CANNOT_START = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)
_AS_ROOT = {"securityContext": {"runAsUser": 0, "runAsNonRoot": False}}


@dataclass(frozen=True, slots=True)
class PodOptions:
    """Where to capture, and by which container."""

    namespace: str
    pod: str
    target: str | None = None
    """The container whose processes the debug container shall see."""
    image: str = "nicolaka/netshoot"
    """Any with sh, sleep and tcpdump."""
    profile: str = "netadmin"
    as_root: bool = False
    """Whatever the pod's securityContext says about users."""
    interface: str = "any"
    snaplen: int = 262_144
    filter: tuple[str, ...] = ()


class PodCapture:
    """A capture in a pod, for as long as the context lasts.

    Raises:
        SourceError: On entering: the container cannot be made or does not start. On leaving:
            tcpdump failed.
    """

    def __init__(self, kubectl: Kubectl, options: PodOptions) -> None:
        self._kubectl = kubectl
        self._options = options
        self._tcpdump: Running | None = None
        self.container = f"sniffdiag-{secrets.token_hex(3)}"
        self.output: BinaryIO
        """The capture, once the context is entered."""

    def __enter__(self) -> Self:
        self._pod()
        self._debug()
        try:
            self._wait_until_it_runs()
            self._tcpdump = self._kubectl.start(*self._exec(*self._tcpdump_words()))
        except BaseException:
            self._end()
            raise
        self.output = self._tcpdump.output
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        tcpdump = self._tcpdump
        if tcpdump is None:
            return
        by_itself = tcpdump.has_ended()
        if not by_itself:
            tcpdump.stop()
        ended = tcpdump.to_the_end(_END_S)
        self._end()
        if by_itself and ended.code and (error is None or isinstance(error, SniffdiagError)):
            raise self._refused(ended) from error

    def _pod(self) -> None:
        """See that it is there and runs."""
        pod = self._described()
        phase = pod.get("status", {}).get("phase")
        where = f"{self._options.namespace}/{self._options.pod}"
        if phase != "Running":
            raise SourceError(f"pod {where} does not run: it is {phase or 'in no known state'}")
        names = [c.get("name") for c in pod.get("spec", {}).get("containers", [])]
        target = self._options.target
        if target is not None and target not in names:
            raise SourceError(
                f'pod {where} has no container "{target}"',
                hint=f"it has {', '.join(map(str, names))}",
            )

    def _described(self) -> dict[str, Any]:
        ended = self._run("get", "pod", self._options.pod, "--output=json")
        try:
            pod = json.loads(ended.output)
        except ValueError as error:
            raise SourceError("kubectl describes the pod by no JSON") from error
        return pod if isinstance(pod, dict) else {}

    def _debug(self) -> None:
        options = self._options
        words = ["debug", f"pod/{options.pod}", f"--image={options.image}", "--attach=false"]
        words += ["--quiet", f"--profile={options.profile}", f"--container={self.container}"]
        if options.target is not None:
            words.append(f"--target={options.target}")
        command = ["--", "sh", "-c", _WAIT.format(seconds=_LONGEST_S)]
        if not options.as_root:
            self._run(*words, *command)
            return
        with tempfile.NamedTemporaryFile("w", suffix=".json") as custom:
            json.dump(_AS_ROOT, custom)
            custom.flush()
            self._run(*words, f"--custom={custom.name}", *command)

    def _wait_until_it_runs(self) -> None:
        deadline = time.monotonic() + _START_S
        reason = ""
        while time.monotonic() < deadline:
            state = self._state()
            if "running" in state:
                return
            ended = state.get("terminated")
            if isinstance(ended, dict):
                raise SourceError(
                    f"the debug container ended with code {ended.get('exitCode')}: "
                    f"{ended.get('message') or ended.get('reason') or 'no reason is given'}",
                    hint=f"image {self._options.image} must have sh and sleep",
                )
            waiting = state.get("waiting")
            if isinstance(waiting, dict):
                reason = str(waiting.get("reason") or "")
                self._refuse_what_never_starts(reason, str(waiting.get("message") or ""))
            time.sleep(_ASK_EVERY_S)
        raise SourceError(
            f"the debug container does not start within {_START_S:.0f} s: {reason or 'no reason'}",
            hint=f"kubectl -n {self._options.namespace} describe pod {self._options.pod}",
        )

    def _refuse_what_never_starts(self, reason: str, message: str) -> None:
        if reason in _PULL_BACKOFF:
            raise SourceError(
                f"image {self._options.image} cannot be pulled: {message or reason}",
                hint="give --image with one that this cluster can pull, with sh and tcpdump",
            )
        if reason in _CANNOT_START:
            raise explained(message or reason, self._options.namespace, self._options.image)

    def _state(self) -> dict[str, Any]:
        """How the debug container is: waiting, running or terminated."""
        statuses = self._described().get("status", {}).get("ephemeralContainerStatuses") or []
        own = (s.get("state") for s in statuses if s.get("name") == self.container)
        return next(own, None) or {}

    def _tcpdump_words(self) -> list[str]:
        options = self._options
        return [
            *("tcpdump", "-i", options.interface, "-U", "-s", str(options.snaplen), "-w", "-"),
            *options.filter,
        ]

    def _exec(self, *command: str) -> list[str]:
        return [
            *("--namespace", self._options.namespace, "exec", self._options.pod),
            *("--container", self.container, "--", *command),
        ]

    def _end(self) -> None:
        """End the container; that nothing runs in it any more is all that can be done."""
        self._kubectl.run(*self._exec("sh", "-c", _END), seconds=_END_S)

    def _run(self, *words: str) -> Ended:
        ended = self._kubectl.run("--namespace", self._options.namespace, *words)
        if ended.code:
            raise self._refused(ended)
        return ended

    def _refused(self, ended: Ended) -> SourceError:
        return explained(
            ended.said or ended.complaint, self._options.namespace, self._options.image
        )
