"""publish, rehearse, retry, cancel."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest

from fakes.installation import NOW
from tagstone.cli.publishing import submit
from tagstone.domain.publications.publication import Kind, Step
from tagstone.errors import Conflict

KEYS = {
    "publication",
    "state",
    "doi",
    "concept_doi",
    "image",
    "bundle",
    "record_url",
    "outputs",
    "registered",
    "version",
    "title",
}


def move_tag(git: Callable[..., str]) -> None:
    git("commit", "--quiet", "--allow-empty", "--message=Second")
    git("tag", "--force", "v1.0.0")


def test_publish_queues_the_tag_and_follows_it_to_its_end(tagstone, repository):
    done = tagstone("publish", repository, "--tag", "v1.0.0")
    assert (done.exit_code, len(tagstone.queue.queued)) == (0, 1)
    assert "is published" in done.stdout


def test_publish_prints_exactly_one_json_object_with_the_promised_keys(tagstone, repository):
    told = tagstone.json("publish", repository, "--tag", "v1.0.0")
    assert set(told) >= KEYS
    assert (told["state"], told["record_url"]) == ("published", f"http://127.0.0.1:8620/records/{told['publication']}")


def test_a_second_call_says_that_it_is_done_and_queues_nothing(tagstone, repository):
    first = tagstone.json("publish", repository, "--tag", "v1.0.0")
    again = tagstone("publish", repository, "--tag", "v1.0.0")
    assert (again.exit_code, len(tagstone.queue.queued)) == (0, 1)
    assert f"{first['publication']} was published before" in again.stdout
    assert tagstone.json("publish", repository, "--tag", "v1.0.0") == first


def test_a_branch_is_no_tag_to_publish(tagstone, repository):
    done = tagstone("publish", repository, "--tag", "main")
    assert (done.exit_code, tagstone.queue.queued) == (4, [])


def test_a_moved_tag_needs_to_be_confirmed(tagstone, repository, git):
    tagstone.queue.ends = {"state": "failed", "error_kind": "failed", "error": "It failed.", "remedy": "Mend it."}
    tagstone("publish", repository, "--tag", "v1.0.0")
    move_tag(git)
    refused = tagstone("publish", repository, "--tag", "v1.0.0")
    assert refused.exit_code == 5
    assert "--supersede" in refused.stderr
    tagstone.queue.ends = {}
    assert tagstone("publish", repository, "--tag", "v1.0.0", "--supersede").exit_code == 0


@pytest.mark.parametrize("answer", [True, False])
def test_whoever_can_be_asked_is_asked_once(tagstone, repository, git, answer):
    tagstone.queue.ends = {"state": "failed", "error_kind": "failed", "error": "It failed.", "remedy": "Mend it."}
    tagstone("publish", repository, "--tag", "v1.0.0")
    move_tag(git)
    forge, asked = tagstone.application.forge, []

    def confirm(moved: Conflict) -> bool:
        asked.append(moved.message)
        return bool(answer)

    project, commit = forge.identify(repository), forge.resolve(repository, "v1.0.0")
    with nullcontext() if answer else pytest.raises(Conflict):
        submit(tagstone.application, project, commit, Kind.PUBLICATION, supersede=False, confirm=confirm)
    assert len(asked) == 1
    assert len(tagstone.queue.queued) == (2 if answer else 1)


def test_a_published_tag_that_moved_is_a_conflict_though_confirmed(tagstone, repository, git):
    tagstone("publish", repository, "--tag", "v1.0.0")
    move_tag(git)
    done = tagstone("publish", repository, "--tag", "v1.0.0", "--supersede")
    assert done.exit_code == 5
    assert "give the new commit a tag of its own" in done.stderr


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("invalid", 3),
        ("notfound", 4),
        ("conflict", 5),
        ("forbidden", 6),
        ("temporary", 7),
        ("permanent", 8),
        ("failed", 9),
        ("out-of-memory", 9),
        ("tagstoneerror", 1),
    ],
)
def test_a_failed_publication_ends_with_the_code_of_its_error(tagstone, repository, kind, code):
    tagstone.queue.ends = {"state": "failed", "error_kind": kind, "error": "It failed.", "remedy": "Mend it."}
    done = tagstone("publish", repository, "--tag", "v1.0.0")
    assert (done.exit_code, done.stdout) == (code, "")
    assert "error: It failed.\n  → Mend it." in done.stderr
    assert tagstone.json("publish", repository, "--tag", "v1.0.0")["error"] == "It failed."


def test_a_failed_run_shows_the_end_of_its_log(tagstone, repository, installation):
    tagstone.queue.ends = {"state": "failed", "error_kind": "failed", "error": "Exit code 1.", "remedy": "Mend it."}
    publication = tagstone.json("rehearse", repository)["publication"]
    installation.step(publication, Step.RUN, "failed")
    installation.log(publication, "run-2", [b"start\n", b"Traceback\nline 30: \x1b[31mboom\n"])
    done = tagstone("retry", publication)
    assert done.exit_code == 9
    assert "  | line 30: \\x1b[31mboom" in done.stderr


def test_rehearse_takes_the_work_tree_with_what_is_not_committed(tagstone, repository, tmp_path):
    first = tagstone.json("rehearse", repository)
    (tmp_path / "wobble" / "analysis.py").write_text("print('it wobbles more')\n")
    second = tagstone.json("rehearse", repository)
    assert (first["state"], first["doi"], first["kind"]) == ("rehearsed", None, "rehearsal")
    assert first["commit"] != second["commit"]


def test_rehearse_takes_a_branch(tagstone, repository, git):
    told = tagstone.json("rehearse", repository, "--ref", "main")
    assert (told["ref"], told["commit"]) == ("main", git("rev-parse", "main"))


def test_retry_queues_another_attempt(tagstone, repository):
    tagstone.queue.ends = {"state": "failed", "error_kind": "temporary", "error": "The disk is full.", "remedy": "Make room."}
    tagstone("publish", repository, "--tag", "v1.0.0")
    tagstone.queue.ends = {"state": "published", "error": None, "remedy": None}
    assert tagstone("retry", "v1.0.0").exit_code == 0
    assert [attempt for _, attempt in tagstone.queue.queued] == [1, 2]


def test_what_is_published_cannot_be_tried_again(tagstone, installation):
    assert tagstone("retry", installation.publication()).exit_code == 5


def test_cancel_asks_the_worker_to_stop(tagstone, installation):
    publication = installation.publication(state="working", step="run", finished_at=None)
    done = tagstone("cancel", publication)
    assert (done.exit_code, "is being stopped" in done.stdout) == (0, True)
    assert "is being stopped" in tagstone("show", publication).stdout


def test_cancel_of_what_has_ended_is_a_conflict(tagstone, installation):
    assert tagstone("cancel", installation.publication(finished_at=NOW)).exit_code == 5


def test_what_is_no_repository_is_told_with_a_remedy(tagstone, tmp_path):
    done = tagstone("publish", str(tmp_path), "--tag", "v1.0.0")
    assert done.exit_code == 4
    assert done.stderr.startswith("error: ")
    assert "\n  → " in done.stderr


def test_errors_are_one_json_object_too(tagstone, tmp_path):
    told = tagstone.json("publish", str(tmp_path), "--tag", "v1.0.0")
    assert (told["error"]["kind"], told["error"]["exit_code"]) == ("not-found", 4)
    assert told["error"]["remedy"]
