"""What is found below a directory that a user names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sniffdiag.folders import files_below, is_folder


def test_files_are_found_in_order_of_their_paths_and_nothing_else_is(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    for name in ("z", "b/y", "b/c/x", "a\n\udcff"):
        (tmp_path / name).write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    found, refused = files_below(str(tmp_path))
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a\n\udcff", "b/c/x", "b/y", "z"]
    assert refused == []


def test_a_file_of_which_nothing_can_be_learned_is_named_to_whoever_opens_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "itself").symlink_to("itself")
    found, _ = files_below(str(tmp_path))
    assert [path.name for path in found] == ["dangling", "itself"]


def test_a_folder_that_has_gone_is_refused_by_name(tmp_path: Path) -> None:
    found, refused = files_below(str(tmp_path / "gone"))
    assert found == []
    assert [error.filename for error in refused] == [str(tmp_path / "gone")]


@pytest.mark.parametrize("name", ["nowhere", "a\0b", ""])
def test_what_cannot_be_asked_about_is_no_folder(name: str) -> None:
    assert not is_folder(name)
