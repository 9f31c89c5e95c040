"""Code by Git over HTTP: what is fetched, what is not, and what nobody may learn or break by it."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from contract.gitlab.conftest import FILES, Scene
from fakes.authors import GitAuthor
from fakes.gitlab.calls import Reply
from fakes.scripted_server import Reply as Scripted
from fakes.scripted_server import scripted_server
from tagstone.adapters.forges import SiteForges
from tagstone.adapters.git import GitForge
from tagstone.adapters.gitlab.client import GitlabSite, GitlabSites
from tagstone.adapters.gitlab.fetching import Limits
from tagstone.adapters.gitlab.mirror import GitlabMirror
from tagstone.adapters.gitlab.projects import GitlabProjects
from tagstone.errors import Away, Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary


def contents(scene: Scene, ref: str) -> dict[str, bytes]:
    """All files of a tag, as the mirror has them."""
    mirror = scene.mirror
    commit = mirror.resolve(scene.location, ref)
    entries = mirror.entries(scene.location, commit)
    read = mirror.read(scene.location, [entry.object_id for entry in entries])
    return {entry.path: content for entry, content in zip(entries, read, strict=True)}


def mirrored(scene: Scene) -> Path:
    """The folder of the project's mirror."""
    return scene.folder / "mirrors" / "lab" / f"{scene.wobble.id}.git"


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout


def test_a_tag_stands_for_its_commit_and_files(scene: Scene) -> None:
    sha = scene.gitlab.push_tag(scene.wobble, "v1.0.0", scene.ada)
    commit = scene.mirror.resolve(scene.location, "refs/tags/v1.0.0")
    assert (commit.sha, commit.ref, commit.tagger) == (sha, "v1.0.0", None)
    assert contents(scene, "v1.0.0") == FILES


def test_an_annotated_tag_says_who_made_it(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1.0.0", scene.ada, message="one")
    commit = scene.mirror.resolve(scene.location, "v1.0.0")
    assert (commit.tagger, commit.contact) == ("Ada", "ada@example.org")


def test_files_that_archives_leave_out_are_there(scene: Scene) -> None:
    scene.gitlab.commit(scene.wobble, {".gitattributes": b"data.csv export-ignore\n*.py export-subst\n", "data.csv": b"1,2\n"})
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    assert set(contents(scene, "v1")) == {*FILES, ".gitattributes", "data.csv"}


def test_names_mean_what_they_mean_in_a_clone(scene: Scene) -> None:
    first = scene.gitlab.push_tag(scene.wobble, "main", scene.ada, target="refs/heads/main")
    second = scene.gitlab.commit(scene.wobble, {"more": b""})
    mirror = scene.mirror
    assert mirror.resolve(scene.location, "main").sha == first
    assert mirror.resolve(scene.location, "refs/heads/main").sha == second
    assert (mirror.resolve(scene.location, "HEAD").sha, mirror.resolve(scene.location, "HEAD").ref) == (second, "main")
    assert mirror.resolve(scene.location, first).sha == first
    with pytest.raises(NotFound):
        mirror.resolve(scene.location, "refs/tags/other")


def test_the_project_is_the_one_that_a_clone_of_it_is(scene: Scene) -> None:
    author = GitAuthor(scene.folder)
    clone = author.create("clone", {"x": b""}, f"{scene.gitlab.url}/stars/wobble.git")
    author.commit(clone)
    identity = scene.mirror.identify(scene.location)
    assert identity.key == author.forge.identify(clone).key
    assert (identity.name, identity.location, identity.url) == ("wobble", scene.location, f"{scene.gitlab.url}/stars/wobble")


def test_only_what_is_needed_is_fetched(scene: Scene) -> None:
    scene.gitlab.commit(scene.wobble, {"secret": os.urandom(300_000)})
    scene.gitlab.commit(scene.wobble, {"secret": b"gone"})
    sha = scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    scene.gitlab.commit(scene.wobble, {"later": os.urandom(300_000)})
    scene.mirror.resolve(scene.location, "v1")
    assert sum(file.stat().st_size for file in mirrored(scene).rglob("*") if file.is_file()) < 100_000
    assert git(mirrored(scene), "rev-list", "--all").split() == [sha]


def test_a_later_tag_brings_only_what_is_new(scene: Scene) -> None:
    scene.gitlab.commit(scene.wobble, {"large": os.urandom(300_000)})
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    scene.mirror.resolve(scene.location, "v1")
    scene.gitlab.commit(scene.wobble, {"small": b"1"})
    scene.gitlab.push_tag(scene.wobble, "v2", scene.ada)
    assert contents(scene, "v2")["small"] == b"1"
    assert sum(file.stat().st_size for file in mirrored(scene).rglob("*.pack")) < 400_000


@pytest.mark.attack("moved tags")
def test_a_moved_tag_is_seen_and_the_earlier_commit_stays(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    before = scene.mirror.resolve(scene.location, "v1")
    after = scene.gitlab.commit(scene.wobble, {"more": b"2"})
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    assert scene.mirror.resolve(scene.location, "v1").sha == after
    assert len(scene.mirror.entries(scene.location, before)) == 2


def test_a_deleted_tag_is_gone_and_stands_in_no_ones_way(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    scene.mirror.resolve(scene.location, "v1")
    scene.gitlab.delete_tag(scene.wobble, "v1", scene.ada)
    with pytest.raises(NotFound):
        scene.mirror.resolve(scene.location, "v1")
    sha = scene.gitlab.push_tag(scene.wobble, "v1/final", scene.ada)
    assert scene.mirror.resolve(scene.location, "v1/final").sha == sha


def test_a_missing_tag_names_the_nearest(scene: Scene) -> None:
    scene.gitlab.push_tags(scene.wobble, dict.fromkeys(("v1.0.0", "v1.0.1", "draft"), "main"), scene.ada)
    with pytest.raises(NotFound) as caught:
        scene.mirror.resolve(scene.location, "v1.0")
    assert "v1.0.0" in caught.value.remedy
    assert "draft" not in caught.value.remedy


@pytest.mark.attack("answers of GitLab")
@pytest.mark.parametrize(
    "name",
    [
        "--upload-pack=touch x",
        "-x",
        "v1^",
        "v1~1",
        "v1:README.md",
        "a..b",
        "@{-1}",
        "*",
        "",
        "x\0y",
        "v1\n",
        "+v1:v2",
        "\u202ev1",
    ],
)
def test_hostile_names_find_nothing(scene: Scene, name: str) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    with pytest.raises((Invalid, NotFound)):
        scene.mirror.resolve(scene.location, name)


@pytest.mark.parametrize("name", ["$HOME", "a;b", "`id`", "ünï", "a'b\"c", "release/1.0", "<b>"])
def test_odd_but_allowed_names_are_just_names(scene: Scene, name: str) -> None:
    sha = scene.gitlab.push_tag(scene.wobble, name, scene.ada)
    assert scene.mirror.resolve(scene.location, name).sha == sha


@pytest.mark.parametrize(
    "place", ["gitlab:", "gitlab:lab", "gitlab:lab/0", "gitlab:lab/../1", "gitlab:lab/1/2", "gitlab:l b/1", "/tmp"]
)
def test_what_is_no_location_is_refused(scene: Scene, place: str) -> None:
    for call in (scene.mirror.identify, scene.mirror.snapshot, lambda there: scene.mirror.resolve(there, "v1")):
        with pytest.raises(Invalid):
            call(place)


def test_a_tag_that_stands_for_a_file_is_none(scene: Scene) -> None:
    scene.wobble.repository.git("tag", "blob", "main:README.md")
    with pytest.raises(Invalid):
        scene.mirror.resolve(scene.location, "blob")


def test_a_mirror_that_was_deleted_is_fetched_again(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    commit = scene.mirror.resolve(scene.location, "v1")
    entries = scene.mirror.entries(scene.location, commit)
    ids = [entry.object_id for entry in entries]
    subprocess.run(["rm", "-rf", str(mirrored(scene))], check=True)
    assert scene.mirror.entries(scene.location, commit) == entries
    subprocess.run(["rm", "-rf", str(mirrored(scene))], check=True)
    assert list(scene.mirror.read(scene.location, ids)) == list(FILES.values())


def test_an_object_that_nobody_has_is_not_found(scene: Scene) -> None:
    with pytest.raises(NotFound):
        list(scene.mirror.read(scene.location, ["1" * 40]))


def test_the_token_stands_in_no_address_file_or_list_of_processes(scene: Scene) -> None:
    seen: set[str] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            for place in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = place.read_bytes().decode("utf-8", "replace")
                except OSError:
                    continue
                if str(scene.folder) in line:
                    seen.add(line)
            time.sleep(0.001)

    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        contents(scene, "v1")
    finally:
        stop.set()
        watcher.join()
    assert any("fetch" in line for line in seen)
    assert scene.token is not None
    secrets = (scene.token, "extraHeader", "Basic")
    assert not [line for line in seen if any(secret in line for secret in secrets)]
    files = [file for file in mirrored(scene).rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if scene.token.encode() in file.read_bytes()]
    assert all(scene.token not in path for _, path in scene.gitlab.asked)


def test_git_may_fetch_with_the_scope_read_repository_alone(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    lent = scene.gitlab.project_token(scene.wobble, ["read_repository", "read_api"], level=20)
    mirror = GitlabMirror(scene.folder / "mirrors", scene.sites, scene.projects, lambda *_: lent)
    assert mirror.resolve(scene.location, "v1").ref == "v1"


def test_a_token_without_that_scope_is_told_what_it_needs(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    scene.token = scene.gitlab.personal_token(scene.ada, ["read_api"])
    with pytest.raises((Forbidden, NotFound)) as caught:
        scene.mirror.resolve(scene.location, "v1")
    assert "token" in caught.value.remedy
    assert str(scene.token) not in f"{caught.value.message}{caught.value.remedy}"


def test_a_public_project_needs_no_token(scene: Scene) -> None:
    scene.wobble.visibility = "public"
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    scene.token = None
    assert contents(scene, "v1") == FILES


def test_a_moved_project_is_fetched_from_where_it_is(scene: Scene) -> None:
    scene.gitlab.rename(scene.wobble, "planets/wobble")
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    assert contents(scene, "v1") == FILES


@pytest.mark.attack("answers of GitLab")
def test_what_is_too_large_is_broken_off_each_time(scene: Scene) -> None:
    scene.gitlab.commit(scene.wobble, {"large": os.urandom(1_000_000)})
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    mirror = GitlabMirror(scene.folder / "mirrors", scene.sites, scene.projects, limits=Limits(bytes=100_000))
    for _ in range(2):
        with pytest.raises(Invalid, match="larger"):
            mirror.resolve(scene.location, "v1")
    assert not mirrored(scene).exists()


@pytest.mark.attack("answers of GitLab")
def test_a_server_that_says_nothing_is_given_up(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    scene.gitlab.faults.silent(2.0, r"\.git/")
    mirror = GitlabMirror(scene.folder / "mirrors", scene.sites, scene.projects, limits=Limits(seconds=0.5))
    with pytest.raises(Temporary, match="took longer"):
        mirror.resolve(scene.location, "v1")
    assert scene.mirror.resolve(scene.location, "v1").ref == "v1"


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_in_trouble_is_away(scene: Scene, status: int) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    scene.gitlab.faults.status(status, r"\.git/")
    with pytest.raises(Away):
        scene.mirror.resolve(scene.location, "v1")
    assert scene.mirror.resolve(scene.location, "v1").ref == "v1"


def test_an_outage_is_away_and_a_broken_answer_temporary(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    scene.gitlab.faults.lost(r"POST .*upload-pack", times=9)
    with pytest.raises(Temporary):
        scene.mirror.resolve(scene.location, "v1")
    scene.gitlab.faults.clear()
    with scene.gitlab.down(), pytest.raises(Away):
        scene.mirror.resolve(scene.location, "v1")


@pytest.mark.attack("answers of GitLab")
def test_git_follows_nobody_elsewhere(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    elsewhere = Reply(302, headers={"Location": "http://127.0.0.1:9/x.git/info/refs?service=git-upload-pack"})
    scene.gitlab.faults.answers(elsewhere, r"\.git/")
    with pytest.raises((Permanent, Temporary)) as caught:
        scene.mirror.resolve(scene.location, "v1")
    assert not isinstance(caught.value, Away)


def test_what_a_mirror_was_left_in_by_a_killed_worker_is_cleared_away(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    scene.mirror.resolve(scene.location, "v1")
    for name in ("shallow.lock", "packed-refs.lock", "objects/pack/tmp_pack_abc", "refs/tags/v1.lock"):
        (mirrored(scene) / name).parent.mkdir(parents=True, exist_ok=True)
        (mirrored(scene) / name).write_bytes(b"x")
    scene.gitlab.commit(scene.wobble, {"more": b"2"})
    sha = scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    assert scene.mirror.resolve(scene.location, "v1").sha == sha


def test_many_at_once_do_not_disturb_each_other(scene: Scene) -> None:
    shas = {}
    for number in range(3):
        scene.gitlab.commit(scene.wobble, {"number": str(number).encode()})
        shas[f"v{number}"] = scene.gitlab.push_tag(scene.wobble, f"v{number}", scene.ada)
    tags = [f"v{number % 3}" for number in range(9)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda tag: scene.mirror.resolve(scene.location, tag).sha, tags))
    assert found == [shas[tag] for tag in tags]


def test_each_location_is_read_by_who_knows_it(scene: Scene) -> None:
    author = GitAuthor(scene.folder)
    local = author.create("local", {"x": b"1"})
    sha = author.commit(local)
    remote = scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    forges = SiteForges(GitForge(), lambda: scene.mirror)
    assert (forges.resolve(local, "main").sha, forges.resolve(scene.location, "v1").sha) == (sha, remote)
    assert forges.identify(scene.location).name == "wobble"
    with pytest.raises(Invalid, match="no work tree"):
        forges.snapshot(scene.location)


def test_an_unknown_project_or_forge_is_not_found(scene: Scene) -> None:
    for place in ("gitlab:lab/999999", "gitlab:elsewhere/1"):
        with pytest.raises(NotFound):
            scene.mirror.identify(place)
        with pytest.raises(NotFound):
            scene.mirror.resolve(place, "v1")


def test_whatever_the_server_says_it_is_ours(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    answers = [
        Reply(200, body=b"<html>Sign in</html>", headers={"Content-Type": "text/html"}),
        Reply(
            200,
            body=b"001e# service=git-upload-pack\n0000" + b"ffff" * 20,
            headers={"Content-Type": "application/x-git-upload-pack-advertisement"},
        ),
        Reply(418, body=b"\x1b[31mred"),
        Reply(401, headers={"WWW-Authenticate": 'Basic realm="evil"'}),
    ]
    for answer in answers:
        scene.gitlab.faults.answers(answer, r"\.git/", times=2)
        with pytest.raises(TagstoneError) as caught:
            scene.mirror.resolve(scene.location, "v1")
        assert caught.value.message.isprintable()
        scene.gitlab.faults.clear()


def test_a_commit_that_is_gone_is_not_found(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    commit = scene.mirror.resolve(scene.location, "v1")
    with pytest.raises(NotFound):
        scene.mirror.entries(scene.location, replace(commit, sha="1" * 40))


@pytest.mark.attack("answers of GitLab")
def test_refs_without_end_do_not_fill_the_memory(scene: Scene) -> None:
    with scripted_server() as server:
        server.script("GET", "/api/v4/projects/17", Scripted(200, document={"id": 17, "path_with_namespace": "stars/wobble"}))
        headers = {"Content-Type": "application/x-git-upload-pack-advertisement"}
        server.script("GET", "/stars/wobble.git/info/refs", Scripted(200, headers=headers, endless=True))
        sites = GitlabSites({"lab": GitlabSite(server.url, silence=5.0)})
        limits = Limits(memory=100 * 2**20, seconds=60.0)
        mirror = GitlabMirror(scene.folder / "mirrors", sites, GitlabProjects(sites), limits=limits)
        with pytest.raises(Temporary, match="memory"):
            mirror.resolve("gitlab:lab/17", "v1")


def test_a_worker_that_dies_while_it_fetches_leaves_nothing_in_the_way(scene: Scene) -> None:
    scene.gitlab.commit(scene.wobble, {"large": os.urandom(5_000_000)})
    sha = scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    program = (
        "import sys; from pathlib import Path; from tagstone.adapters.gitlab.client import GitlabSite, GitlabSites\n"
        "from tagstone.adapters.gitlab.mirror import GitlabMirror; from tagstone.adapters.gitlab.projects import GitlabProjects\n"
        "sites = GitlabSites({'lab': GitlabSite(sys.argv[1], sys.stdin.read())})\n"
        "GitlabMirror(Path(sys.argv[2]), sites, GitlabProjects(sites)).resolve(sys.argv[3], 'v1')\n"
    )
    line = [sys.executable, "-c", program, scene.gitlab.url, str(scene.folder / "mirrors"), scene.location]
    worker = subprocess.Popen(line, stdin=subprocess.PIPE, text=True)
    assert worker.stdin is not None
    worker.stdin.write(str(scene.token))
    worker.stdin.close()
    while not any("upload-pack" in path for _, path in scene.gitlab.asked):
        assert worker.poll() is None
        time.sleep(0.005)
    worker.kill()
    worker.wait()
    assert scene.mirror.resolve(scene.location, "v1").sha == sha
    assert len(scene.mirror.entries(scene.location, scene.mirror.resolve(scene.location, "v1"))) == 3
