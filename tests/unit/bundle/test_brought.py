"""Bundles of records where nothing was run, where results were brought, and where inputs are kept elsewhere."""

import json
from dataclasses import replace
from typing import Any

import pytest

from fakes import facts as recorded
from tagstone.bundle.contents import bundle_files
from tagstone.bundle.files import BundleFile
from tagstone.domain.deposits.deposit import Publisher, Related
from tagstone.domain.manifests.manifest import EMPTY
from tagstone.domain.publications.record import Facts, InputFacts

MANIFEST = b'{"schemaVersion":2}'
ALONE = 'environment: {base: "debian:bookworm"}\n'
CHECKED = ALONE + "run: {command: [sh, check.sh]}\noutputs: {brought: [results/*]}\n"
BROUGHT = replace(recorded.output("results/elsewhere.fits", b"x"), brought=True)
ZENODO = InputFacts("doi:10.5281/zenodo.7/a b.csv", "data/ab.csv", 9, "9" * 64, "k", doi="10.5281/zenodo.7", copied=False)
OTHER = InputFacts("doi:10.17876/x.1/b.csv", "data/b.csv", 9, "8" * 64, "k", doi="10.17876/x.1", copied=False)
PATH = InputFacts("/data/c.csv", "data/c.csv", 9, "7" * 64, "k", copied=False)


def environment_alone() -> Facts:
    facts = recorded.facts(made=recorded.image(MANIFEST, b"{}", (b"layer",)), outputs=())
    return replace(facts, run=None, source=replace(facts.source, manifest=ALONE), began_at=1_772_000_000.0)


def checked() -> Facts:
    """A check run over results that were brought."""
    facts = recorded.facts(made=recorded.image(MANIFEST, b"{}", (b"layer",)), outputs=(BROUGHT,), command=("sh", "check.sh"))
    return replace(facts, source=replace(facts.source, manifest=CHECKED))


def brought_alone() -> Facts:
    return replace(environment_alone(), outputs=(BROUGHT,))


def bundled(of: Facts, related: tuple[Related, ...] = ()) -> dict[str, str]:
    metadata = replace(recorded.metadata(), related=related, date=of.date)
    return {file.path: text(file) for file in bundle_files(of, metadata, recorded.CITATION, MANIFEST)}


def text(file: BundleFile) -> str:
    return file.source.decode() if isinstance(file.source, bytes) else ""


def graph(files: dict[str, str]) -> dict[str, dict[str, Any]]:
    return {entity["@id"]: entity for entity in json.loads(files["ro-crate-metadata.json"])["@graph"]}


def test_an_environment_alone_has_no_run_and_no_outputs():
    files = bundled(environment_alone())
    assert not [path for path in files if path.startswith(("logs/", "outputs/", "brought/"))]
    assert not [entity for entity in graph(files).values() if entity["@type"] == "CreateAction"]
    assert graph(files)["./"]["mentions"] == {"@id": "#image"}
    assert "conformsTo" not in graph(files)["./"]


def test_an_environment_alone_is_dated_by_when_work_on_it_began():
    assert graph(bundled(environment_alone()))["./"]["datePublished"] == "2026-02-25"


def test_the_readme_of_an_environment_alone_says_how_to_use_it():
    readme = bundled(environment_alone())["README.md"]
    assert "## How to use the environment" in readme
    assert "nothing was run for this record" in readme
    assert "## Hardware" not in readme
    assert "logs/run.log" not in readme
    assert "Code and container image of" in readme


@pytest.mark.parametrize("facts", [checked(), brought_alone()])
def test_brought_outputs_have_a_folder_of_their_own_and_are_labelled_everywhere(facts: Facts):
    files = bundled(facts)
    assert "brought/results/elsewhere.fits" in files
    assert not [path for path in files if path.startswith("outputs/")]
    entity = graph(files)["brought/results/elsewhere.fits"]
    assert entity["creativeWorkStatus"] == "not run by Tagstone"
    assert entity["description"] == "A result that was made elsewhere: not run by Tagstone"
    assert "## Brought outputs: not run by Tagstone\n" in files["README.md"]
    assert "**not run by Tagstone**" in files["README.md"]


def test_a_check_run_made_only_its_log():
    run = graph(bundled(checked()))["#run"]
    assert run["result"] == {"@id": "logs/run.log"}
    readme = bundled(checked())["README.md"]
    assert "The recorded run checked them; it did not make them." in readme
    assert "it checks the outputs, which were made elsewhere" in readme
    assert "recorded_mode=check\n" in bundled(checked())["reproduce.sh"]


def test_made_and_brought_outputs_stand_side_by_side():
    facts = replace(checked(), outputs=(BROUGHT, recorded.output("results/table.csv", b"1")))
    files = bundled(facts)
    assert graph(files)["#run"]["result"] == {"@id": "outputs/results/table.csv"}
    assert files["README.md"].index("outputs/results/table.csv") < files["README.md"].index("brought/results/elsewhere.fits")
    assert "recorded_mode=compare\n" in files["reproduce.sh"]


def test_inputs_that_are_not_copied_are_named_by_address_and_checksum():
    facts = recorded.facts(inputs=(recorded.given("data/a.csv", b"1"), ZENODO, OTHER, PATH))
    files = bundled(replace(facts, image=checked().image))
    assert [path for path in files if path.startswith("inputs/")] == ["inputs/data/a.csv"]
    entities = graph(files)
    zenodo = entities["https://zenodo.org/records/7/files/a%20b.csv"]
    assert (zenodo["@type"], zenodo["sha256"], zenodo["contentSize"]) == ("File", "9" * 64, "9")
    assert zenodo["isPartOf"] == "https://doi.org/10.5281/zenodo.7"
    assert entities["#input-data/b.csv"]["isPartOf"] == "https://doi.org/10.17876/x.1"
    used = [item["@id"] for item in entities["#run"]["object"]]
    assert used[:5] == ["code.tar", "inputs/data/a.csv", zenodo["@id"], "#input-data/b.csv", "#input-data/c.csv"]
    parts = [item["@id"] for item in entities["./"]["hasPart"]]
    assert zenodo["@id"] in parts
    assert "#input-data/b.csv" not in parts
    assert f"*not in this bundle*, sha256 `{'9' * 64}`" in files["README.md"]
    assert "/data/c.csv`" not in files["README.md"].replace("`data/c.csv`", "")


def test_the_recipe_and_the_state_of_the_package_archives_are_kept():
    facts = environment_alone()
    assert facts.image is not None
    assert "Containerfile" not in bundled(facts)
    files = bundled(replace(facts, image=replace(facts.image, recipe="FROM debian@sha256:1\n")))
    assert files["Containerfile"] == "FROM debian@sha256:1\n"
    assert graph(files)["Containerfile"]["about"] == {"@id": "#image"}


def test_without_a_manifest_there_is_none_in_the_bundle():
    facts = environment_alone()
    files = bundled(replace(facts, source=replace(facts.source, manifest=EMPTY)))
    assert "tagstone.yml" not in files
    assert "tagstone.yml" not in files["README.md"]


def test_provenance_sbom_and_codemeta_are_linked_from_the_crate():
    entities = graph(bundled(checked()))
    assert entities["sbom.cdx.json"]["about"] == {"@id": "#image"}
    assert entities["provenance.intoto.json"]["encodingFormat"] == "application/vnd.in-toto+json"
    for name in ("sbom.cdx.json", "provenance.intoto.json", "codemeta.json", "CITATION.cff"):
        assert entities[entities[name]["conformsTo"]["@id"]]["@type"] == "CreativeWork"
        assert {"@id": name} in entities["./"]["hasPart"]
    code = entities[entities["codemeta.json"]["about"]["@id"]]
    assert code["identifier"] == entities["code.tar"]["identifier"] == "swh:1:dir:" + "d" * 40


def test_related_works_are_cited_by_crate_and_readme():
    files = bundled(checked(), (Related("10.1051/1", "issupplementto"), Related("https://x.example/", "iscitedby", "url")))
    assert graph(files)["./"]["citation"] == [{"@id": "https://doi.org/10.1051/1"}, {"@id": "https://x.example/"}]
    assert "- is supplement to https://doi.org/10.1051/1\n" in files["README.md"]


def test_declared_limits_are_told_where_bytes_alone_are_compared():
    facts = recorded.facts(made=recorded.image(MANIFEST, b"{}", (b"layer",)))
    manifest = facts.source.manifest.replace("[results/*]", "[{path: results/*, compare: numbers, rtol: 1e-9}]")
    files = bundled(replace(facts, source=replace(facts.source, manifest=manifest)))
    assert "compares values within the limits" in files["README.md"]
    assert "compares values within the limits" not in bundled(facts)["README.md"]
    assert "recorded_tolerant=yes\n" in files["reproduce.sh"]


def test_the_publisher_is_an_organisation_with_an_address():
    site = Publisher("AIP", "https://aip.example/", "03mrbr458", "data@aip.example")
    entities = graph(bundled(replace(checked(), publisher=site)))
    assert entities["./"]["publisher"] == {"@id": "https://ror.org/03mrbr458"}
    publisher = entities["https://ror.org/03mrbr458"]
    assert (publisher["name"], publisher["url"]) == ("AIP", "https://aip.example/")
    assert entities[publisher["contactPoint"]["@id"]]["email"] == "data@aip.example"
    assert graph(bundled(checked()))["./"]["publisher"] == {"@id": "https://w3id.org/tagstone"}


@pytest.mark.parametrize("make", [environment_alone, checked, brought_alone])
def test_equal_facts_make_equal_bytes(make: Any):
    assert bundled(make()) == bundled(make())
