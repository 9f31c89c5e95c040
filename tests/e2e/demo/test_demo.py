"""What `make demo` does before and around the publication; the publication itself is run by .ci/run."""

import json
import re
import socket
import subprocess
from pathlib import Path

import pytest

import demo
import demo_gitlab
import demo_inveniordm
from tagstone.domain.citations.citation import parse_citation
from tagstone.domain.manifests.manifest import parse_manifest

CHECKOUT = Path(__file__).resolve().parents[3]
EXAMPLES = sorted(path for path in (CHECKOUT / "examples").iterdir() if path.is_dir())


@pytest.fixture
def result() -> dict[str, object]:
    """What `tagstone publish --json` prints."""
    return {
        "publication": "p0123456789abcdef",
        "doi": "10.5072/tagstone.1",
        "image": "chandler-wobble@sha256:" + "0" * 64,
        "bundle": "/somewhere/bundle",
        "record_url": "http://127.0.0.1:8620/records/p0123456789abcdef",
        "outputs": [{"path": "results/a.png"}, {"path": "results/b.csv"}],
    }


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of an installation in a temporary folder, with nothing that this machine sets."""
    path = tmp_path / "etc" / "tagstone.env"
    monkeypatch.setattr(demo, "SETTINGS", path)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("PIP_CERT", raising=False)
    return path


def _git(repository: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", repository, *arguments], capture_output=True, text=True, check=True).stdout.strip()


def test_the_repository_has_the_same_commit_every_time(tmp_path: Path) -> None:
    first = demo.make_repository(tmp_path / "first" / "chandler-wobble")
    second = demo.make_repository(tmp_path / "second" / "chandler-wobble")

    assert _git(first, "rev-parse", "HEAD", "v1.0.0") == _git(second, "rev-parse", "HEAD", "v1.0.0")
    assert _git(first, "status", "--porcelain") == ""


def test_what_is_deposited_has_two_versions_and_is_a_new_project_every_time(tmp_path: Path) -> None:
    first = demo_inveniordm.make_versions(tmp_path / "first")
    second = demo_inveniordm.make_versions(tmp_path / "second")

    assert _git(first, "tag").split() == ["v1.0.0", "v1.1.0"]
    assert _git(first, "rev-parse", "v1.0.0") != _git(second, "rev-parse", "v1.0.0")
    manifest, _ = parse_manifest((first / "tagstone.yml").read_text())
    citation, _ = parse_citation((first / "CITATION.cff").read_text())
    assert manifest is not None
    assert citation is not None
    assert (manifest.deposit.to, citation.version) == ("inveniordm", "1.1.0")


def test_the_repository_is_made_anew_where_one_was(tmp_path: Path) -> None:
    commit = _git(demo.make_repository(tmp_path / "again"), "rev-parse", "HEAD")
    (tmp_path / "again" / "left-over").touch()

    assert _git(demo.make_repository(tmp_path / "again"), "rev-parse", "HEAD") == commit


def test_a_persons_git_settings_do_not_change_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = _git(demo.make_repository(tmp_path / "plain"), "rev-parse", "HEAD")
    (tmp_path / ".gitconfig").write_text("[user]\nname = Somebody\n[commit]\ngpgsign = true\n[core]\nautocrlf = true\n")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert _git(demo.make_repository(tmp_path / "settings"), "rev-parse", "HEAD") == plain


def test_settings_name_a_home_inside_the_checkout(settings: Path) -> None:
    demo.write_settings({})
    assert settings.read_text() == f"TAGSTONE_HOME={CHECKOUT}/.demo/home\n"


def test_settings_that_are_there_are_left_alone(settings: Path) -> None:
    settings.parent.mkdir()
    settings.write_text("TAGSTONE_HOME=/elsewhere\n")
    demo.write_settings({})
    assert settings.read_text() == "TAGSTONE_HOME=/elsewhere\n"


def test_a_sites_authority_is_handed_to_builds(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CERT", "/site/ca.pem")
    demo.write_settings({})
    assert "TAGSTONE_BUILDS__SITE_CA=/site/ca.pem\n" in settings.read_text()


def test_a_docker_socket_that_may_be_reached_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    assert demo.docker_settings() == {}
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        found = demo.docker_settings()
    assert found["TAGSTONE_BUILDS__BUILDER"] == found["TAGSTONE_RUNS__ENGINE"] == "docker"
    assert found["TAGSTONE_RUNS__SOCKET"] == f"unix://{path}"


def test_the_result_is_written_whole(result: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DEMO", tmp_path)
    demo.write_result(result)
    assert json.loads((tmp_path / "result.json").read_text()) == result
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_people_are_told_everything_and_what_to_do_next(result: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    demo.tell(result, 12.3)

    printed = capsys.readouterr().out
    assert all(str(value) in printed for key, value in result.items() if key != "outputs")
    assert "results/a.png" in printed
    assert "results/b.csv" in printed
    assert "tagstone serve" in printed


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples_have_no_fault(example: Path) -> None:
    _, faults = parse_manifest((example / "tagstone.yml").read_text(encoding="utf-8"))
    assert faults == ()
    _, faults = parse_citation((example / "CITATION.cff").read_text(encoding="utf-8"))
    assert faults == ()


@pytest.mark.parametrize("document", ["README.md"])
def test_manifests_in_the_documents_have_no_fault(document: str) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (CHECKOUT / document).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        assert parse_manifest(block)[1] == ()


def test_tagstones_own_citation_has_no_fault() -> None:
    assert parse_citation((CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"))[1] == ()


def test_the_picture_of_a_release_page_has_its_text_in_a_frame_and_no_marks() -> None:
    release = {
        "name": "Version v1.0.0",
        "description": "<!-- tagstone -->\nDOI: 10.5072/tagstone.1\n<!-- end of tagstone -->",
        "assets": {"links": [{"name": "Record", "url": "http://127.0.0.1:8620/records/" + "x" * 100}]},
        "_links": {"self": "http://127.0.0.1:1/stars/wobble/-/releases/v1.0.0"},
    }
    lines = demo_gitlab.picture(release).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "│ DOI: 10.5072/tagstone.1" in demo_gitlab.picture(release)
    assert "<!--" not in demo_gitlab.picture(release)
