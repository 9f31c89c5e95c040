"""What the image folder does beyond the port: many writers, killed writers, damage."""

import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from tagstone.adapters.oci_layout import OciLayout
from tagstone.domain.images.oci import LAYER
from tagstone.errors import Conflict, Permanent, Temporary

_processes = multiprocessing.get_context("fork")


def in_processes(count, act):
    """Run `act(n)` in as many processes at once; returns their exit codes."""
    start = _processes.Barrier(count)

    def work(n):
        start.wait(10)
        act(n)

    workers = [_processes.Process(target=work, args=(n,)) for n in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    return [worker.exitcode for worker in workers]


def test_writers_at_once_lose_nothing(tmp_path, push):
    def write(n):
        for k in range(5):
            push(OciLayout(tmp_path, 30), "a", f"v{n}.{k}", b"layer %d" % n)

    assert in_processes(6, write) == [0] * 6
    layout = OciLayout(tmp_path, 10)
    assert layout.tags("a") == sorted(f"v{n}.{k}" for n in range(6) for k in range(5))
    assert list((tmp_path / ".tmp").iterdir()) == []


def test_of_writers_that_race_for_a_tag_one_wins_and_all_others_are_told(tmp_path, push):
    def write(n):
        try:
            push(OciLayout(tmp_path, 30), "a", "v1", b"layer %d" % n)
        except Conflict:
            os._exit(7)

    assert sorted(in_processes(5, write)) == [0, 7, 7, 7, 7]


def test_what_a_killed_writer_left_is_swept_by_the_next(tmp_path):
    def die(_):
        def chunks():
            yield b"half"
            os.kill(os.getpid(), signal.SIGKILL)

        OciLayout(tmp_path, 10).put_blob("a", chunks(), LAYER)

    assert in_processes(1, die) == [-signal.SIGKILL]
    assert len(list((tmp_path / ".tmp").iterdir())) == 1
    OciLayout(tmp_path, 10).put_blob("a", [b"x"], LAYER)
    assert list((tmp_path / ".tmp").iterdir()) == []
    assert len(list((tmp_path / "blobs" / "sha256").iterdir())) == 1


def test_a_writer_under_way_is_not_swept(tmp_path):
    layout = OciLayout(tmp_path, 10)

    def chunks():
        yield b"one"
        layout.put_blob("a", [b"meanwhile"], LAYER)
        yield b"two"

    assert layout.has_blob("a", layout.put_blob("a", chunks(), LAYER).digest)


def test_a_lock_held_too_long_is_temporary(tmp_path):
    held = OciLayout(tmp_path, 10)
    with held._locked(), pytest.raises(Temporary, match="locked"):
        OciLayout(tmp_path, 0.1).put_blob("a", [b"x"], LAYER)


@pytest.mark.parametrize("text", ["", "{}", '{"manifests": [{}]}', '{"manifests": 3}', "[]", '{"manifests": [3]}'])
def test_a_damaged_index_is_told_and_not_overwritten(tmp_path, push, text):
    push(OciLayout(tmp_path, 10), "a", "v1", b"layer")
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(Permanent, match="damaged"):
        push(OciLayout(tmp_path, 10), "a", "v2", b"layer")
    assert (tmp_path / "index.json").read_text() == text


def test_entries_of_others_are_kept_and_not_found(tmp_path, push):
    layout = OciLayout(tmp_path, 10)
    digest, _ = push(layout, "a", "v1", b"layer")
    index = json.loads((tmp_path / "index.json").read_text())
    index["manifests"].append({"digest": digest, "mediaType": "x/y", "size": 1})
    (tmp_path / "index.json").write_text(json.dumps(index))
    push(layout, "a", "v2", b"layer")
    assert layout.tags("a") == ["v1", "v2"]
    assert len(json.loads((tmp_path / "index.json").read_text())["manifests"]) == 3


def test_a_folder_that_may_not_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((Permanent, Temporary)):
        OciLayout(tmp_path / "file" / "images", 10).put_blob("a", [b"x"], LAYER)


def test_blobs_and_index_are_for_everyone_to_read(tmp_path, push):
    push(OciLayout(tmp_path, 10), "a", "v1", b"layer")
    for path in (Path(tmp_path / "index.json"), *(tmp_path / "blobs" / "sha256").iterdir()):
        assert path.stat().st_mode & 0o777 == 0o644
