"""Why a debug container is refused or cannot capture: one line each, with the way out.

The forms are those of the API server (pod-security-admission, apimachinery StatusReason), of the
kubelet, of kubectl debug and of tcpdump.
"""

from __future__ import annotations

import re

from sniffdiag.errors import SourceError
from sniffdiag.records import dataclass

_ON_THE_NODE = "capture on the node instead: docs/deploy/README.md"


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What kubectl says, what that means and what to do. Groups of `said` fill both."""

    said: re.Pattern[str]
    means: str
    way_out: str


def _refusal(said: str, means: str, way_out: str) -> _Refusal:
    return _Refusal(re.compile(said), means, way_out)


_REFUSALS = (
    _refusal(
        r'violates PodSecurity "([^"]+)": (.+)',
        "PodSecurity {0} of namespace {namespace} forbids the debug container: {1}",
        "for the time of the capture an admin can relax it: kubectl label namespace {namespace} "
        "pod-security.kubernetes.io/enforce=privileged --overwrite; or " + _ON_THE_NODE,
    ),
    _refusal(
        r'admission webhook "([^"]+)" denied the request: (.+)',
        "policy {0} forbids the debug container: {1}",
        "ask for an exception in namespace {namespace}, or " + _ON_THE_NODE,
    ),
    _refusal(
        r'User "[^"]*" cannot (\w+) resource "([\w/]+)"',
        "not allowed to {0} {1} in namespace {namespace}",
        'needs the RBAC verb "{0}" on {1}: docs/deploy/rbac-pod.yaml grants what is needed',
    ),
    _refusal(
        r"container has runAsNonRoot and image will run as root",
        "the pod demands runAsNonRoot, and image {image} runs as root",
        "add --root to run tcpdump as root all the same, or " + _ON_THE_NODE,
    ),
    _refusal(
        r"You don't have permission to|Operation not permitted|Permission denied",
        "tcpdump in the debug container has no right to capture",
        "add --root where the pod sets runAsUser, or --profile sysadmin; or " + _ON_THE_NODE,
    ),
    _refusal(
        r'exec: "?tcpdump|tcpdump: not found|executable file not found',
        "image {image} has no tcpdump",
        "give --image with one that has sh and tcpdump",
    ),
    _refusal(
        r"unknown flag: (--\w+)",
        "this kubectl does not know {0}",
        "--profile needs kubectl 1.27, --root needs 1.31",
    ),
    _refusal(
        r"ephemeral containers are disabled",
        "this cluster has no ephemeral containers",
        "they need Kubernetes 1.23; " + _ON_THE_NODE,
    ),
    _refusal(
        r"syntax error|can't parse filter expression|unknown host",
        "tcpdump does not understand the filter",
        "write it as for tcpdump, with -- before it where it begins with a dash",
    ),
    _refusal(
        r'pods "([^"]+)" not found',
        "there is no pod {0} in namespace {namespace}",
        "kubectl -n {namespace} get pods",
    ),
    _refusal(
        r'namespaces "([^"]+)" not found',
        "there is no namespace {0}",
        "kubectl get namespaces",
    ),
    _refusal(
        r"You must be logged in to the server",
        "the API server does not accept these credentials",
        "log in again, and try kubectl get pods",
    ),
    _refusal(
        r"The connection to the server (\S+) was refused|Unable to connect to the server: (.+)",
        "the API server cannot be reached",
        "give --context or --kubeconfig, or set KUBECONFIG",
    ),
)
_PREFIX = re.compile(r"^(?:error|Error from server(?: \(\w+\))?): ")


def explained(said: str, namespace: str, image: str) -> SourceError:
    """What kubectl wrote to standard error, as one line and a way out."""
    text = " ".join(said.split())
    for refusal in _REFUSALS:
        found = refusal.said.search(text)
        if found:
            groups = [group or "" for group in found.groups()]
            means, way_out = (
                form.format(*groups, namespace=namespace, image=image)
                for form in (refusal.means, refusal.way_out)
            )
            return SourceError(means, hint=way_out)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    # Its last line says no more than that the command failed.
    telling = [line for line in lines if not line.startswith("command terminated")] or lines
    return SourceError(f"kubectl: {_PREFIX.sub('', telling[-1]) if telling else 'it failed'}")
