"""`check` without an `environment`: the repository's own files say it, and the report says which."""

from fakes.forge import FakeForge
from tagstone.actions.check import CheckReport, check
from tagstone.domain.citations import citation as citations
from tagstone.domain.environments.channels import Channels
from tagstone.domain.publications.policy import Policy

PLACE = "/projects/found"
LICENCE = b"MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy\nof this software"


def report_of(files: dict[str, bytes], channels: Channels | None = None) -> CheckReport:
    forge = FakeForge()
    forge.create(PLACE, {"CITATION.cff": citations.EXAMPLE.encode(), "LICENSE": LICENCE} | files)
    forge.commit(PLACE)
    return check(forge, PLACE, None, Policy(channels=channels or Channels()))


def test_a_repository_without_a_manifest_is_a_publication_of_its_environment_alone():
    report = report_of({"requirements.txt": b"numpy\n", "apt.txt": b"gnuplot\n"})
    assert report.errors == ()
    assert report.environment_from == ("apt.txt", "requirements.txt")
    assert report.manifest is not None
    assert (report.manifest.environment, report.manifest.run) == (None, None)


def test_a_manifest_without_an_environment_leaves_it_to_the_files():
    report = report_of({"tagstone.yml": b"run: {command: [ls]}\noutputs: ['*.txt']\n", "binder/apt.txt": b"gnuplot\n"})
    assert report.errors == ()
    assert report.environment_from == ("binder/apt.txt",)


def test_a_manifest_with_an_environment_says_it_itself():
    report = report_of({"tagstone.yml": b"environment: {base: 'debian:bookworm'}\n", "requirements.txt": b"numpy\n"})
    assert report.environment_from == ("tagstone.yml",)


def test_neither_manifest_nor_files_is_a_fault():
    report = report_of({"analysis.py": b""})
    assert [fault.message for fault in report.errors] == ["There is no manifest."]
    assert report.environment_from == ()


def test_a_manifest_without_an_environment_and_no_files_is_a_fault():
    report = report_of({"tagstone.yml": b"run: {command: [ls]}\noutputs: ['*.txt']\n"})
    assert [fault.message for fault in report.errors] == ["Nothing says what the code needs."]


def test_files_that_are_not_looked_at_are_a_warning():
    report = report_of({"Dockerfile": b"FROM debian:bookworm\n", "requirements.txt": b"numpy\n"})
    assert report.errors == ()
    assert "requirements.txt is not looked at: Dockerfile says all by itself" in report.warnings[0].message


def test_what_needs_a_channel_is_a_fault_until_the_site_has_one():
    files = {"environment.yml": b"dependencies: [python=3.11, root]\n"}
    (fault,) = report_of(files).errors
    assert fault.file == "environment.yml"
    assert report_of(files, Channels(conda="https://mirror.test/conda")).errors == ()


def test_faults_and_warnings_of_the_files_are_told_together():
    report = report_of({"Dockerfile": b"FROM debian:bookworm\nADD https://a.test/b /b\n", "apt.txt": b"gnuplot\n"})
    assert len(report.errors) == len(report.warnings) == 1
