"""tcpdump in a pod, through a kubectl that answers as the real one does."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from sniffdiag.errors import SourceError
from sniffdiag.kubectl import find
from sniffdiag.sources import pod as podding
from sniffdiag.sources.pod import PodCapture, PodOptions

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "tests" / "support" / "programs"
INCIDENT = ROOT / "pcaps" / "tke-rename" / "incident.pcap"
RUNNING = {"running": {"startedAt": "2026-11-22T22:09:14Z"}}
REVIEWS = PodOptions("shop", "reviews-v1")
RESTRICTED = (
    'Error from server (Forbidden): pods "reviews-v1" is forbidden: violates PodSecurity '
    '"restricted:latest": allowPrivilegeEscalation != false (container "sniffdiag-0a1b2c" must set '
    "securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "
    '"sniffdiag-0a1b2c" must set securityContext.capabilities.drop=["ALL"]; container '
    '"sniffdiag-0a1b2c" must not include "NET_ADMIN", "NET_RAW" in '
    "securityContext.capabilities.add), runAsNonRoot != true (pod or container "
    '"sniffdiag-0a1b2c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or '
    'container "sniffdiag-0a1b2c" must set securityContext.seccompProfile.type to '
    '"RuntimeDefault" or "Localhost")'
)
BASELINE = (
    'Error from server (Forbidden): pods "reviews-v1" is forbidden: violates PodSecurity '
    '"baseline:v1.28": non-default capabilities (container "sniffdiag-0a1b2c" must not include '
    '"NET_ADMIN", "NET_RAW" in securityContext.capabilities.add)'
)


class Scene:
    """What the cluster is like, and what was asked of it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def play(self, **facts: Any) -> None:
        scene = {"name": "reviews-v1", "state": RUNNING, "capture": str(INCIDENT)} | facts
        self._path.write_text(json.dumps(scene))

    @property
    def calls(self) -> list[list[str]]:
        log = self._path.with_suffix(".log")
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setenv("PATH", f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_POD", str(tmp_path / "pod.json"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(podding, "_ASK_EVERY_S", 0.01)
    return Scene(tmp_path / "pod.json")


def capture(options: PodOptions = REVIEWS) -> PodCapture:
    kubectl = find()
    assert kubectl is not None
    return PodCapture(kubectl, options)


def refused(options: PodOptions = REVIEWS) -> SourceError:
    with pytest.raises(SourceError) as caught, capture(options) as started:
        started.output.read()
    assert "\n" not in str(caught.value)
    return caught.value


def test_what_tcpdump_writes_is_the_capture_and_nothing_else(scene: Scene) -> None:
    scene.play(ends=True)
    with capture() as started:
        assert started.output.read() == INCIDENT.read_bytes()


def test_the_container_is_made_waited_for_used_and_ended(scene: Scene) -> None:
    scene.play()
    options = PodOptions("shop", "reviews-v1", "reviews", filter=("port", "8080"))
    began = time.monotonic()
    with capture(options) as started:
        started.output.read(24)
    assert time.monotonic() - began < 30
    get, debug, again, tcpdump, end = scene.calls
    assert get[:3] == again[:3] == ["get", "pod", "reviews-v1"]
    assert debug[:2] == ["debug", "pod/reviews-v1"]
    assert {"--attach=false", "--profile=netadmin", "--target=reviews"} <= set(debug)
    assert tcpdump[tcpdump.index("--") + 1 :] == [
        *("tcpdump", "-i", "any", "-U", "-s", "262144", "-w", "-", "port", "8080")
    ]
    assert end[-1] == "kill $(cat /tmp/sniffdiag.pid)"
    assert {call[call.index("--container") + 1] for call in (tcpdump, end)} == {started.container}


def test_as_root_overrides_the_pods_user(scene: Scene) -> None:
    scene.play(ends=True)
    with capture(PodOptions("shop", "reviews-v1", as_root=True)) as started:
        started.output.read()
    custom = next(json.loads(call[1]) for call in scene.calls if call[0].startswith("--custom="))
    assert custom == {"securityContext": {"runAsUser": 0, "runAsNonRoot": False}}


@pytest.mark.parametrize(
    ("facts", "says", "way_out"),
    [
        (
            {"debug": RESTRICTED},
            "PodSecurity restricted:latest of namespace shop forbids the debug container: allow",
            "kubectl label namespace shop pod-security.kubernetes.io/enforce=privileged",
        ),
        (
            {"debug": BASELINE},
            "PodSecurity baseline:v1.28 of namespace shop forbids",
            "docs/deploy",
        ),
        (
            {
                "debug": 'Error from server: admission webhook "validate.kyverno.svc-fail" denied '
                "the request: resource Pod/shop/reviews-v1 was blocked"
            },
            "policy validate.kyverno.svc-fail forbids the debug container",
            "ask for an exception",
        ),
        (
            {
                "debug": 'Error from server (Forbidden): pods "reviews-v1" is forbidden: User "me" '
                'cannot patch resource "pods/ephemeralcontainers" in API group "" in the namespace '
                '"shop"'
            },
            "not allowed to patch pods/ephemeralcontainers in namespace shop",
            'RBAC verb "patch" on pods/ephemeralcontainers',
        ),
        (
            {
                "state": {
                    "waiting": {
                        "reason": "CreateContainerConfigError",
                        "message": "container has runAsNonRoot and image will run as root (pod: "
                        '"reviews-v1_shop(6b1f)", container: sniffdiag-0a1b2c)',
                    }
                }
            },
            "the pod demands runAsNonRoot, and image nicolaka/netshoot runs as root",
            "--root",
        ),
        (
            {
                "tcpdump": "tcpdump: any: You don't have permission to capture on that device\n"
                "(socket: Operation not permitted)"
            },
            "tcpdump in the debug container has no right to capture",
            "--root",
        ),
        (
            {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling"}}},
            "image nicolaka/netshoot cannot be pulled: Back-off pulling",
            "--image",
        ),
        (
            {"state": {"terminated": {"exitCode": 127, "reason": "Error"}}},
            "the debug container ended with code 127: Error",
            "must have sh and sleep",
        ),
        (
            {
                "tcpdump": 'error: Internal error occurred: exec failed: exec: "tcpdump": '
                "executable file not found in $PATH"
            },
            "image nicolaka/netshoot has no tcpdump",
            "--image",
        ),
        ({"tcpdump": "tcpdump: can't parse filter expression: syntax error"}, "the filter", "--"),
        ({"debug": "error: unknown flag: --profile"}, "does not know --profile", "kubectl 1.27"),
        (
            {
                "debug": "error: ephemeral containers are disabled for this cluster (error from "
                'server: "the server could not find the requested resource").'
            },
            "this cluster has no ephemeral containers",
            "Kubernetes 1.23",
        ),
        ({"phase": "Pending"}, "pod shop/reviews-v1 does not run: it is Pending", ""),
        ({"name": "other"}, "there is no pod reviews-v1 in namespace shop", "get pods"),
        (
            {"refused": 'Error from server (NotFound): namespaces "shop" not found'},
            "there is no namespace shop",
            "get namespaces",
        ),
        (
            {"refused": "error: You must be logged in to the server (Unauthorized)"},
            "does not accept these credentials",
            "log in",
        ),
        (
            {"refused": "Unable to connect to the server: dial tcp: lookup k8s: no such host"},
            "the API server cannot be reached",
            "--kubeconfig",
        ),
        ({"refused": "error: something new\nand more"}, "kubectl: and more", ""),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_way_out(
    scene: Scene, facts: dict[str, Any], says: str, way_out: str
) -> None:
    scene.play(**facts)
    error = refused()
    assert says in str(error)
    assert way_out in error.hint


def test_a_container_that_never_starts_is_ended(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(podding, "_START_S", 0.1)
    scene.play(state={"waiting": {"reason": "ContainerCreating"}})
    assert "does not start within" in str(refused())
    assert scene.calls[-1][-1] == "kill $(cat /tmp/sniffdiag.pid)"


def test_a_container_that_the_pod_has_not_is_refused_before_anything_is_made(
    scene: Scene,
) -> None:
    scene.play()
    error = refused(PodOptions("shop", "reviews-v1", "istio"))
    assert str(error) == 'pod shop/reviews-v1 has no container "istio"'
    assert error.hint == "it has reviews, istio-proxy"
    assert [call[0] for call in scene.calls] == ["get"]


def test_a_user_who_stops_is_not_an_error(scene: Scene) -> None:
    scene.play()
    with capture() as started:
        started.output.read(24)
    assert scene.calls[-1][-1].startswith("kill")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_else_ends_it_is_not_hidden(scene: Scene, error: type[BaseException]) -> None:
    scene.play(tcpdump="tcpdump: any: no such device")

    def read_and_fail() -> None:
        with capture() as started:
            started.output.read()
            raise error

    with pytest.raises(error):
        read_and_fail()
