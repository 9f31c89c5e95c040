"""`check` on inputs, results that are brought, and secrets."""

import pytest

from fakes.forge import FakeForge
from fakes.secret_kinds import SECRETS
from tagstone.actions.check import CheckReport, check
from tagstone.domain.citations import citation as citations
from tagstone.domain.deposits.deposit import Limits
from tagstone.domain.publications.policy import Policy

PLACE = "/projects/wobble"
ALONE = "environment: {base: 'debian:bookworm'}\n"
LICENCE = b"MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy\nof this software"
SUM = "ab12" * 16
TOKEN = SECRETS["gitlab"][1]


def report_of(
    manifest: str, files: dict[str, bytes] | None = None, policy: Policy | None = None, place: str = PLACE
) -> CheckReport:
    """What is found in a sound project with this manifest, all else being well."""
    forge = FakeForge()
    given = {"tagstone.yml": manifest.encode(), "CITATION.cff": citations.EXAMPLE.encode(), "LICENSE": LICENCE}
    forge.create(place, given | (files or {}))
    forge.commit(place)
    return check(forge, place, None, policy)


def told(report: CheckReport) -> list[str]:
    return [f"{'warning ' * fault.warning}{fault.file}:{fault.line}: {fault.message}" for fault in report.faults]


def inputs(*items: str) -> str:
    return ALONE + "inputs:\n" + "".join(f"  - {{to: data/a, {item}}}\n" for item in items)


@pytest.mark.parametrize(
    "source", ["doi:10.5281/zenodo.12/a.csv", "https://example.org/a, licence: CC0-1.0", "a, licence: MIT"]
)
def test_inputs_that_others_can_have_too_are_well(source: str) -> None:
    assert told(report_of(inputs(f"from: {source}, sha256: {SUM}"))) == []


@pytest.mark.parametrize("source", ["https://example.org/a", "../a", "/data/a"])
def test_inputs_that_others_cannot_have_are_warned_of_with_what_to_do(source: str) -> None:
    report = report_of(inputs(f"from: {source}, sha256: {SUM}"))
    assert told(report) == [
        "warning tagstone.yml:3: Not re-runnable from the deposit alone: the input data/a has no DOI and is not copied."
    ]
    assert "`licence: …`" in report.faults[0].remedy
    assert "DOI" in report.faults[0].remedy


def test_an_input_without_checksum_says_how_to_get_one() -> None:
    report = report_of(inputs("from: doi:10.5281/zenodo.12/a.csv"))
    assert told(report) == [
        "tagstone.yml:3: The input data/a has no sha256: nobody could tell whether it is still the same file."
    ]
    assert "tagstone check --fix" in report.faults[0].remedy


def test_a_site_may_refuse_files_of_its_own_machine() -> None:
    report = report_of(inputs(f"from: /etc/passwd, licence: MIT, sha256: {SUM}"), policy=Policy(local_inputs=False))
    assert told(report) == ["tagstone.yml:3: The input data/a is a file of somebody's machine; this site fetches none."]


@pytest.mark.parametrize("source", ["/etc/passwd", "data.csv", "../a"])
def test_a_project_at_a_forge_names_no_files_of_the_service(source: str) -> None:
    report = report_of(inputs(f"from: {source}, licence: MIT, sha256: {SUM}"), place="gitlab:lab/17")
    assert told(report) == ["tagstone.yml:3: The input data/a is a file of somebody's machine; this site fetches none."]


def test_an_environment_alone_is_well() -> None:
    assert told(report_of(ALONE)) == []


@pytest.mark.parametrize("glob", ["figures", "figures/*.svg", "**/*.svg", "data/a"])
def test_brought_results_are_in_the_repository_or_the_inputs(glob: str) -> None:
    manifest = inputs(f"from: a, licence: MIT, sha256: {SUM}") + f"outputs: {{brought: ['{glob}']}}\n"
    assert told(report_of(manifest, {"figures/one.svg": b"<svg/>"})) == []


@pytest.mark.parametrize("glob", ["figure/*.svg", "figures/*.png", "link.svg"])
def test_globs_of_brought_results_that_match_nothing_are_faults(glob: str) -> None:
    forge_files = {"figures/one.svg": b"<svg/>"}
    report = report_of(f"{ALONE}outputs: {{brought: ['{glob}']}}\n", forge_files)
    assert told(report) == [
        f"tagstone.yml:2: No file of the repository or of the inputs matches {glob!r}, which is to be brought."
    ]


def test_secrets_in_the_code_are_faults_until_they_are_waived_by_name() -> None:
    files = {"deep/config.py": f"\nkey = '{TOKEN}'\n".encode(), "plain.py": b"x = 1\n"}
    report = report_of(ALONE, files)
    assert told(report) == ["code/deep/config.py:2: This looks like a secret (gitlab-token)."]
    assert TOKEN not in str(report.faults)
    (name,) = [word for word in report.faults[0].remedy.split() if word.startswith("code/")]
    again = report_of(f"{ALONE}waived_secrets: [{name}]\n", files)
    assert told(again) == []
    assert again.secrets_waived == (name,)


def test_waivers_of_code_that_nothing_needs_are_warned_of_and_others_are_known_later() -> None:
    waivers = "waived_secrets: [code/x.py:aws-key:123456789012, logs/run.log:aws-key:123456789012]\n"
    assert told(report_of(ALONE + waivers)) == [
        "warning tagstone.yml:2: `waived_secrets` names code/x.py:aws-key:123456789012, which is not found."
    ]


def test_what_the_depository_cannot_hold_is_said_before_anything_is_built() -> None:
    brought = ALONE + "outputs: {brought: [results/*]}\n"
    files = {"results/cube.fits": b"f" * 5000, "results/table.csv": b"1,2\n"}
    policy = Policy(limits={"local": Limits(bytes=4096)})
    report = report_of(brought, files, policy)
    assert report.errors[0].message.startswith("The deposit would have ")
    assert "brought/results/cube.fits (4.9 KiB)" in report.errors[0].remedy


def test_a_single_file_that_the_depository_cannot_hold_is_named() -> None:
    files = {"results/cube.fits": b"f" * 5000}
    policy = Policy(limits={"local": Limits(file_bytes=4900)})
    messages = [fault.message for fault in report_of(ALONE + "outputs: {brought: [results/*]}\n", files, policy).errors]
    assert messages == [
        "The depository takes files of up to 4.8 KiB, and this is larger: code.tar (5.2 KiB), brought/results/cube.fits (4.9 KiB)."
    ]


def test_what_another_depository_could_not_hold_is_no_fault() -> None:
    assert told(report_of(ALONE, {"data": b"f" * 5000}, Policy(limits={"zenodo": Limits(bytes=1)}))) == []
