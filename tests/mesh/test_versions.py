"""What `--mesh-version auto` stands for."""

from __future__ import annotations

import pytest

from sniffdiag.errors import PolicyError
from sniffdiag.mesh.versions import detected_version, maybe_version


def test_one_version_in_the_pods_is_it() -> None:
    assert detected_version(["1.20.3"]) == "1.20.3"


def test_several_versions_are_named_and_left_to_the_user() -> None:
    with pytest.raises(PolicyError, match=r"1\.19\.0, 1\.20\.3") as caught:
        detected_version(["1.19.0", "1.20.3"])
    assert "--mesh-version" in caught.value.hint


def test_no_version_in_the_pods_asks_for_pods_or_a_version() -> None:
    with pytest.raises(PolicyError) as caught:
        detected_version([])
    assert "kubectl get pods" in caught.value.hint


def test_a_minor_version_is_its_last_patch() -> None:
    minor, last = maybe_version("1.6"), maybe_version("1.6.14")
    assert minor is not None
    assert last is not None
    assert minor > last
    assert minor.first_patch <= last


@pytest.mark.parametrize("text", ["", "1", "latest", "one.two", "1.9999", "1.٣", "-1.3", "1..3"])
def test_nonsense_is_no_version(text: str) -> None:
    assert maybe_version(text) is None
