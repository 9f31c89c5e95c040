"""Provenance, SBOM and CodeMeta of a bundle: what they say, and that the specifications' own libraries accept them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2  # type: ignore[import-untyped]  # it has no py.typed
from in_toto_attestation.v1 import statement_pb2  # type: ignore[import-untyped]  # it has no py.typed
from in_toto_attestation.v1.statement import Statement  # type: ignore[import-untyped]  # it has no py.typed

from fakes import facts as recorded
from tagstone.bundle.codemeta import codemeta
from tagstone.bundle.contents import bundle_files
from tagstone.bundle.files import written
from tagstone.bundle.provenance import BUILD_TYPE, provenance
from tagstone.bundle.sbom import sbom
from tagstone.domain.citations.citation import parse_citation
from tagstone.domain.deposits.deposit import Affiliation, Publisher, Related
from tagstone.domain.environments.build import BaseImage, Package, PackageArchive
from tagstone.domain.images.oci import ImageReference
from tagstone.domain.publications.record import Facts, InputFacts

BROUGHT = replace(recorded.output("results/elsewhere.fits", b"x"), brought=True)
FETCHED = InputFacts(
    "doi:10.5281/zenodo.7/gaia.csv",
    "data/gaia.csv",
    9,
    "9" * 64,
    "k",
    doi="10.5281/zenodo.7",
    licence="CC-BY-4.0",
    copied=False,
)


def statement(facts: Facts) -> dict[str, Any]:
    assert facts.image is not None
    return cast(dict[str, Any], json.loads(provenance(facts, facts.image, [written("logs/run.log", b"it ran\n")])))


def bill(facts: Facts) -> str:
    assert facts.image is not None
    return sbom(facts, facts.image).decode()


def described(facts: Facts, **changes: Any) -> str:
    assert facts.image is not None
    return codemeta(facts, replace(recorded.metadata(), **changes), facts.image).decode()


def without_run(facts: Facts) -> Facts:
    return replace(facts, run=None, outputs=(BROUGHT,), began_at=1_772_000_000.0)


def rich() -> Facts:
    """Everything that there can be."""
    facts = recorded.facts(inputs=(recorded.given("data/a.csv", b"1"), FETCHED))
    assert facts.image is not None
    archives = (PackageArchive("https://deb.example/debian", "bookworm", "2026-02-28T00:00:00Z"),)
    image = replace(facts.image, recipe="FROM debian@sha256:…\n", archives=archives)
    return replace(facts, image=image, outputs=(*facts.outputs, BROUGHT), publisher=Publisher("AIP", "https://aip.example/"))


@pytest.mark.parametrize("facts", [recorded.facts(), rich(), without_run(recorded.facts()), recorded.rehearsal()])
def test_the_statement_is_what_in_toto_and_slsa_define(facts: Facts):
    text = json.dumps(statement(facts))
    parsed = json_format.Parse(text, statement_pb2.Statement())
    Statement.copy_from_pb(parsed).validate()
    predicate = json.dumps(json.loads(text)["predicate"])
    made = json_format.Parse(predicate, provenance_pb2.Provenance())  # refuses unknown fields
    assert made.build_definition.build_type == BUILD_TYPE
    assert all(dependency.digest for dependency in made.build_definition.resolved_dependencies)


def test_image_and_made_outputs_are_subjects_and_brought_ones_are_not():
    subjects = {subject["name"]: subject["digest"]["sha256"] for subject in statement(rich())["subject"]}
    image, *outputs = subjects
    assert image.startswith("pkg:oci/wobble@sha256:")
    assert outputs == ["outputs/results/plot.png", "outputs/results/table.csv"]
    assert subjects["outputs/results/plot.png"] == recorded.sha256(b"png")
    assert [subject["name"] for subject in statement(without_run(rich()))["subject"]] == [image]


def test_commit_code_bases_and_every_input_are_dependencies():
    dependencies = {item["name"]: item for item in statement(rich())["predicate"]["buildDefinition"]["resolvedDependencies"]}
    assert list(dependencies) == ["commit", "code.tar", "debian:bookworm", "inputs/data/a.csv", "inputs/data/gaia.csv"]
    assert dependencies["commit"] == {
        "name": "commit",
        "digest": {"gitCommit": "c" * 40},
        "uri": "git+https://example.org/wobble@" + "c" * 40,
        "annotations": {"swhid": "swh:1:rev:" + "c" * 40},
    }
    assert dependencies["code.tar"]["uri"] == "swh:1:dir:" + "d" * 40
    assert dependencies["debian:bookworm"]["digest"] == {"sha256": "b" * 64}
    assert dependencies["inputs/data/a.csv"]["uri"] == "https://data.example/data/a.csv"
    assert dependencies["inputs/data/gaia.csv"] == {
        "name": "inputs/data/gaia.csv",
        "digest": {"sha256": "9" * 64},
        "uri": "https://doi.org/10.5281/zenodo.7",
        "annotations": {"doi": "10.5281/zenodo.7"},
    }


def test_the_statement_says_who_made_it_when_and_by_what():
    details = statement(rich())["predicate"]["runDetails"]
    assert details["builder"] == {
        "id": "https://aip.example/",
        "version": {"tagstone": "0.1.0", "builder": "podman", "runner": "Podman 4.3.1"},
    }
    assert details["metadata"] == {
        "invocationId": "p0123456789abcdef",
        "startedOn": "2026-03-01T00:00:00.250Z",
        "finishedOn": "2026-03-01T00:01:00.500Z",
    }
    assert [product["name"] for product in details["byproducts"]] == ["logs/run.log"]
    assert "finishedOn" not in statement(without_run(rich()))["predicate"]["runDetails"]["metadata"]


def test_what_the_author_asked_for_and_what_was_made_of_it_are_kept_apart():
    definition = statement(rich())["predicate"]["buildDefinition"]
    assert definition["externalParameters"] == {
        "repository": "https://example.org/wobble",
        "tag": "v1.0.0",
        "manifest": recorded.MANIFEST,
    }
    decided = definition["internalParameters"]
    assert decided["run"]["command"] == ["python3", "analysis.py", "--bins", "64"]
    assert decided["packageArchives"] == [["https://deb.example/debian", "bookworm", "2026-02-28T00:00:00Z"]]
    assert "run" not in statement(without_run(rich()))["predicate"]["buildDefinition"]["internalParameters"]


def test_the_sbom_names_every_package_by_its_purl():
    listed = {part["name"]: part.get("purl") for part in json.loads(bill(rich()))["components"]}
    assert listed == {
        "python3": "pkg:deb/debian/python3@3.11.2-1?arch=amd64&distro=debian-12",
        "debian": None,
        "numpy": "pkg:pypi/numpy@2.0.0",
    }


def test_the_sbom_is_about_the_image_by_digest_and_names_its_bases():
    facts = rich()
    assert facts.image is not None
    about = json.loads(bill(facts))["metadata"]["component"]
    assert about["hashes"] == [{"alg": "SHA-256", "content": facts.image.image.digest.removeprefix("sha256:")}]
    assert [base["name"] for base in about["pedigree"]["ancestors"]] == ["debian:bookworm"]
    assert json.loads(bill(facts))["metadata"]["timestamp"] == "2026-03-01T00:01:00.500000+00:00"


NAMES = st.sampled_from(["a", "A", "a.b", "A-b"]) | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,20}", fullmatch=True)
PACKAGES = st.builds(Package, st.sampled_from(["deb", "pypi", "cran", "os"]), NAMES, NAMES, st.none() | NAMES)


@settings(max_examples=30, deadline=None)  # the library's validator reads its schema each time
@given(st.lists(PACKAGES, max_size=6, unique=True), st.lists(NAMES, max_size=2))
def test_any_packages_make_a_valid_sbom_and_equal_ones_equal_bytes(packages: list[Package], bases: list[str]):
    facts = recorded.facts()
    assert facts.image is not None
    images = tuple(BaseImage(base, ImageReference("bases/x", "sha256:" + "b" * 64)) for base in bases)
    facts = replace(facts, image=replace(facts.image, packages=tuple(packages), bases=images))
    text = bill(facts)
    assert bill(facts) == text
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert len(json.loads(text).get("components", ())) == len({(p.kind, p.name, p.version, p.architecture) for p in packages})
    backwards = replace(facts, image=replace(facts.image, packages=tuple(reversed(packages)))) if facts.image else facts
    os_known = sum(package.kind == "os" for package in packages) > 1
    assert os_known or bill(backwards) == text


def test_our_own_reader_reads_the_codemeta_that_we_write():
    facts = replace(recorded.facts(), deposit=recorded.deposit(registered=True))
    citation, faults = parse_citation(described(facts), "codemeta.json")
    metadata = recorded.metadata()
    assert faults == ()
    assert citation is not None
    assert (citation.title, citation.version, citation.date) == (metadata.title, metadata.version, metadata.date)
    assert (citation.licences, citation.keywords, citation.abstract) == (
        metadata.licences,
        metadata.keywords,
        metadata.description,
    )
    assert (citation.doi, citation.repository) == (facts.doi, "https://example.org/wobble")
    assert citation.authors == (replace(metadata.creators[0], name="Lovelace, Ada"), metadata.creators[1])


def test_codemeta_says_what_the_code_needs_and_which_paper_tells_of_it():
    paper, data = Related("10.1051/0004-6361/1", "issupplementto"), Related("10.5281/zenodo.1", "isderivedfrom")
    said = json.loads(described(recorded.facts(), related=(paper, data)))
    assert said["@context"] == "https://w3id.org/codemeta/3.0"
    assert [(need["name"], need["version"]) for need in said["softwareRequirements"]] == [
        ("python3", "3.11.2-1"),
        ("numpy", "2.0.0"),
    ]
    assert said["referencePublication"] == [{"@type": "ScholarlyArticle", "@id": "https://doi.org/10.1051/0004-6361/1"}]
    assert said["identifier"] == ["10.5072/tagstone.abc123", "swh:1:dir:" + "d" * 40, "swh:1:rev:" + "c" * 40]


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_authors_write_codemeta_stays_json_that_is_equal_for_equal_facts(title: str, name: str):
    creator = replace(recorded.metadata().creators[0], family=name, affiliations=(Affiliation(title),))
    made = described(recorded.facts(), title=title, creators=(creator,), description=name)
    assert made == described(recorded.facts(), title=title, creators=(creator,), description=name)
    assert made.isascii()
    assert json.loads(made)["version"] == "1.0.0"


def test_the_reference_names_every_file_of_a_bundle_and_the_build_type():
    page = (Path(__file__).parents[3] / "docs" / "reference" / "bundle.md").read_text()
    made = rich()
    assert made.image is not None
    files = bundle_files(made, recorded.metadata(), recorded.CITATION, b"{}")
    folders = {
        f"{file.path.partition('/')[0]}/" if "/" in file.path and "log" not in file.path else file.path for file in files
    }
    assert {name for name in folders if f"| `{name}` |" not in page} == set()
    assert f"`{BUILD_TYPE}`" in page
