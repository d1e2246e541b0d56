"""A pod as a live source: what tcpdump in it captures comes through kubectl and a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sniffdiag.errors import SourceError
from sniffdiag.kubectl import find
from sniffdiag.sources.piped import PipedCapture
from sniffdiag.sources.pod import PodCapture, PodOptions

__all__ = ["PodOptions", "capture_in_pod"]


@contextmanager
def capture_in_pod(
    options: PodOptions, context: str | None = None, kubeconfig: str | None = None
) -> Iterator[tuple[PipedCapture, str]]:
    """The capture, and the name of the debug container that makes it.

    Raises:
        SourceError: There is no kubectl, or the pod cannot be captured in.
    """
    kubectl = find(context, kubeconfig)
    if kubectl is None:
        raise SourceError(
            "kubectl is not on PATH, and it starts the capture in the pod",
            hint="install kubectl, or capture on the node: docs/deploy/README.md",
        )
    with PodCapture(kubectl, options) as capture:
        yield PipedCapture(capture.output), capture.container
