"""`check` finds everything that would stop or spoil a publication, all at once."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.forge import FakeForge
from tagstone.actions.check import CheckReport, check, fix
from tagstone.domain.citations import citation as citations
from tagstone.domain.manifests.manifest import EXAMPLE
from tagstone.domain.publications.policy import Policy
from tagstone.errors import Conflict, NotFound, Temporary

MIT = b"MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy\nof this software"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4" * 64 + b"\nsize 12345\n"
SOUND = {
    "tagstone.yml": EXAMPLE.encode(),
    "CITATION.cff": citations.EXAMPLE.encode(),
    "LICENSE": MIT,
    "analysis.py": b"print()\n",
}
PLACE = "/projects/wobble"


def forge_with(changes: dict[str, bytes | None], tag: str | None = None) -> FakeForge:
    """A sound project with some files changed (None: removed), committed and tagged."""
    forge = FakeForge()
    forge.create(PLACE, {path: content for path, content in (SOUND | changes).items() if content is not None})
    forge.commit(PLACE)
    if tag:
        forge.tag(PLACE, tag)
    return forge


def report_of(changes: dict[str, bytes | None], policy: Policy | None = None) -> CheckReport:
    """What is found in a sound project with some files changed."""
    return check(forge_with(changes), PLACE, None, policy)


def told(report: CheckReport) -> list[str]:
    """Faults as `file:line: message`, warnings marked."""
    return [f"{'warning ' * fault.warning}{fault.file}:{fault.line}: {fault.message}" for fault in report.faults]


def manifest_with(old: str, new: str) -> dict[str, bytes | None]:
    """The sound manifest with one change."""
    assert old in EXAMPLE
    return {"tagstone.yml": EXAMPLE.replace(old, new).encode()}


def test_a_sound_project_has_no_fault() -> None:
    report = report_of({})
    assert report.faults == ()
    assert report.manifest is not None
    assert report.citation is not None
    assert report.citation_text == citations.EXAMPLE


def test_everything_is_found_at_once() -> None:
    changes: dict[str, bytes | None] = {
        "tagstone.yml": b"run: 3\n",
        "CITATION.cff": b"title: x\n",
        "tagstone.lock": b"version: 7\n",
        "big": POINTER,
    }
    found = told(report_of(changes, Policy(code_files=2)))
    assert [line.partition(": ")[0] for line in found] == [
        "tagstone.yml:1",
        "CITATION.cff:None",
        "CITATION.cff:None",
        "CITATION.cff:None",
        "tagstone.lock:1",
        ".:None",
    ]


def test_restricted_records_go_only_where_they_are_taken() -> None:
    changes = manifest_with("outputs:", "deposit: {to: zenodo, access: restricted}\noutputs:")
    policy = Policy(depositories=("local", "zenodo"))
    assert told(report_of(changes, policy)) == ["tagstone.yml:6: The depository 'zenodo' takes no restricted records."]
    assert report_of(changes, Policy(depositories=("zenodo",), restricted=("zenodo",))).faults == ()


def test_an_embargo_that_ends_before_the_commit_is_told() -> None:
    changes = manifest_with("outputs:", "deposit: {access: embargoed, embargo: 2023-11-14}\noutputs:")
    assert told(report_of(changes)) == [
        "tagstone.yml:6: The embargo ends on 2023-11-14, the commit is of 2023-11-14: the files would be open at once."
    ]
    assert report_of(manifest_with("outputs:", "deposit: {access: embargoed, embargo: 2023-11-15}\noutputs:")).faults == ()


def test_without_a_manifest_a_minimal_one_is_shown() -> None:
    (fault,) = report_of({"tagstone.yml": None}).faults
    assert EXAMPLE in fault.remedy
    (fault,) = report_of({"tagstone.yml": None, "tagstone.yaml": b"x"}).faults
    assert fault.remedy == "Rename tagstone.yaml to tagstone.yml."


def test_without_a_citation_a_minimal_one_is_shown() -> None:
    (fault,) = report_of({"CITATION.cff": None}).faults
    assert citations.EXAMPLE in fault.remedy


def test_codemeta_serves_where_there_is_no_citation() -> None:
    codemeta = b'{"name": "Wobble", "author": {"name": "Ada"}, "license": "https://spdx.org/licenses/MIT"}'
    report = report_of({"CITATION.cff": None, "codemeta.json": codemeta})
    assert report.faults == ()
    assert report.citation is not None
    assert report.citation.title == "Wobble"
    assert report.citation_text.startswith("cff-version: 1.2.0\n")


def test_a_manifest_that_is_a_link_or_too_large_or_latin_1_is_told() -> None:
    forge = forge_with({"tagstone.yml": None})
    forge.repositories[PLACE].links["tagstone.yml"] = "/etc/passwd"
    assert "tagstone.yml:None: It is no plain file." in told(check(forge, PLACE))
    assert "tagstone.yml:None: The file is larger than 1 MiB." in told(report_of({"tagstone.yml": b"#" * (2**20 + 1)}))
    assert "tagstone.yml:1: The file is not UTF-8." in told(report_of({"tagstone.yml": b"\xff"}))


def test_files_that_the_environment_names_have_to_exist() -> None:
    old = "  apt: [python3]\n"
    report = report_of(manifest_with(old, "  apt: [python3, python3-venv]\n  pip: requirements.txt\n  install: setup.sh\n"))
    assert [fault.warning for fault in report.faults] == [False, False]
    assert "requirements.txt" in str(report.faults)
    assert "setup.sh" in str(report.faults)
    changes = manifest_with("base: debian:bookworm\n  apt: [python3]", "containerfile: Containerfile")
    assert any("Containerfile" in line for line in told(report_of(changes)))
    assert report_of(changes | {"Containerfile": b"FROM debian:bookworm\nCOPY . /workspace\n"}).faults == ()


def test_lfs_pointers_stop_unless_an_input_takes_their_place() -> None:
    assert told(report_of({"data/big.fits": POINTER})) == [
        "data/big.fits:None: This is a Git LFS pointer; the run would read the pointer, not the data."
    ]
    inputs = f"inputs:\n  - {{from: https://example.org/x, to: data/big.fits, licence: MIT, sha256: '{'0' * 64}'}}\n"
    assert report_of({"data/big.fits": POINTER, "tagstone.yml": (EXAMPLE + inputs).encode()}).faults == ()


def test_submodules_and_links_that_leave_are_warned_of() -> None:
    forge = forge_with({})
    forge.repositories[PLACE].submodules["vendor"] = "1" * 40
    forge.repositories[PLACE].links |= {
        "out": "../../x",
        "abs": "/etc/passwd",
        "in": "analysis.py",
        "deep/in": "../analysis.py",
    }
    forge.commit(PLACE)
    assert told(check(forge, PLACE)) == [
        "warning vendor:None: This is a submodule; its files are not in the commit.",
        "warning abs:None: The link points out of the repository, to '/etc/passwd'.",
        "warning out:None: The link points out of the repository, to '../../x'.",
    ]


def test_a_hundred_alike_are_told_in_short() -> None:
    found = told(report_of({f"{number:03}.fits": POINTER for number in range(100)}))
    assert len(found) == 21
    assert found[-1].endswith("The same holds for 80 more paths.")


def test_unprintable_names_stop() -> None:
    assert told(report_of({"a\nb": b""})) == [r"'a\nb':None: The name is not UTF-8 or has control characters."]


def test_sizes_are_held_against_the_sites_limits() -> None:
    found = told(report_of({"big": b"x" * 10**6}, Policy(code_files=3, code_bytes=4096, code_file_bytes=8192)))
    assert found == [
        ".:None: The commit has 5 files; this site takes 3.",
        ".:None: The commit has 977 KiB; this site takes 4 KiB.",
        "big:None: The file has 977 KiB; this site takes 8 KiB.",
    ]


@pytest.mark.parametrize(("key", "value"), [("community", "punch4nfdi")])
def test_what_the_depository_does_not_know_is_said_before_it_would_be_ignored(key: str, value: str) -> None:
    asked = report_of({"tagstone.yml": f"{EXAMPLE}deposit: {{{key}: {value}}}\n".encode()})
    assert told(asked) == [f"tagstone.yml:7: The depository 'local' knows no {key}."]


def test_depository_and_hardware_are_held_against_the_site() -> None:
    text = EXAMPLE.replace("run:\n", "run:\n  resources: {cpu: 64, memory: 1Ti}\n") + "deposit: {to: locla}\n"
    report = report_of({"tagstone.yml": text.encode()}, Policy(cpu=4, memory=2**30))
    assert told(report) == [
        "tagstone.yml:8: This site has no depository 'locla'.",
        "tagstone.yml:5: cpu: 64 cores asked for, at most 4 cores allowed.",
        "tagstone.yml:5: memory: 1 TiB asked for, at most 1 GiB allowed.",
    ]
    assert report.faults[0].remedy == "Did you mean local?"


def test_outputs_that_are_there_already_are_warned_of() -> None:
    assert told(report_of({"results/old.png": b""})) == [
        "warning tagstone.yml:6: results/*.png also takes files of the repository, such as results/old.png."
    ]


def test_a_script_that_is_not_there_is_warned_of() -> None:
    report = report_of({"analysis.py": None, "analyses.py": b""})
    assert told(report) == ["warning tagstone.yml:5: The command names analysis.py, which is not in the commit."]
    assert report.faults[0].remedy == "Did you mean analyses.py?"


def test_an_input_over_a_file_of_the_repository_is_warned_of() -> None:
    inputs = f"inputs:\n  - {{from: https://example.org/x, to: analysis.py, licence: MIT, sha256: '{'0' * 64}'}}\n"
    assert told(report_of({"tagstone.yml": (EXAMPLE + inputs).encode()})) == [
        "warning tagstone.yml:8: The input takes the place of analysis.py of the repository."
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"LICENSE": None}, "warning .:None: There is no licence file."),
        (
            {"LICENSE": b"Apache License\nVersion 2.0"},
            "warning CITATION.cff:None: The citation says MIT, but LICENSE is Apache-2.0.",
        ),
        (
            {"CITATION.cff": citations.EXAMPLE.replace("license: MIT\n", "").encode()},
            "warning CITATION.cff:None: The citation names no licence.",
        ),
    ],
)
def test_licence_file_and_citation_have_to_agree(changes: dict[str, bytes | None], message: str) -> None:
    assert told(report_of(changes)) == [message]


def test_a_citation_of_another_version_than_the_tag_is_warned_of() -> None:
    forge = forge_with({"CITATION.cff": citations.EXAMPLE.encode() + b"version: 1.0.0\n"}, tag="v1.1.0")
    assert told(check(forge, PLACE, "v1.1.0")) == ["warning CITATION.cff:None: The citation says version 1.0.0, the tag 1.1.0."]
    forge.tag(PLACE, "v1.0.0")
    assert check(forge, PLACE, "v1.0.0").faults == ()
    assert check(forge, PLACE, "refs/tags/v1.0.0").faults == ()
    assert check(forge, PLACE, "main").faults == ()


def test_changes_that_are_not_committed_are_warned_of() -> None:
    forge = forge_with({}, tag="v1")
    forge.repositories[PLACE].files["new.py"] = b""
    assert told(check(forge, PLACE)) == [f"warning {PLACE}:None: There are changes that are not committed."]
    assert check(forge, PLACE, "v1").faults == ()


def test_a_project_without_commits_or_tags_is_told_as_an_error() -> None:
    forge = forge_with({})
    with pytest.raises(NotFound):
        check(forge, PLACE, "v1")
    with pytest.raises(NotFound):
        check(forge, "/nowhere")
    forge.fail_next(Temporary("The disk sleeps."))
    with pytest.raises(Temporary):
        check(forge, PLACE)


def test_fix_writes_the_lock_once_and_whole(tmp_path: Path) -> None:
    assert fix(tmp_path, "version: 1\n") is True
    assert fix(tmp_path, "version: 1\n") is False
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("tagstone.lock", "version: 1\n")]


def test_fix_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "tagstone.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Conflict):
        fix(tmp_path, "version: 1\n")
    assert not (tmp_path / "elsewhere").exists()


PIECES = [*EXAMPLE.splitlines(True), *citations.EXAMPLE.splitlines(True), "pip: r.txt\n", "containerfile: C\n", "[", "- ", "\0"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["tagstone.yml", "CITATION.cff", "tagstone.lock", "codemeta.json", "LICENSE", "r.txt", "C", "dir/x"]),
        st.one_of(
            st.binary(max_size=80), st.lists(st.sampled_from(PIECES), max_size=12).map(lambda parts: "".join(parts).encode())
        ),
    )
)
def test_whatever_is_committed_comes_back_as_faults(files: dict[str, bytes]) -> None:
    report = check(forge_with(dict(files)), PLACE)
    assert all(fault.message and fault.remedy for fault in report.faults)
    assert (report.manifest is None or report.citation is None) <= bool(report.errors)
