"""PyPI's validator accepts the crate at its RECOMMENDED level; what cannot hold is named here, with the reason."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes import facts as recorded
from fakes.kept import Kept
from rigs.crate_validator import AN_AUTHOR_WITHOUT_AFFILIATION, CODE_THAT_IS_NOWHERE, validated
from tagstone.actions.bundle import write_bundle
from tagstone.domain.deposits.deposit import Creator, DepositMetadata, PartLicence, Related
from tagstone.domain.publications.record import Facts, InputFacts

ALONE = 'environment: {base: "debian:bookworm"}\n'
AN_ORGANISATION_WITHOUT_ADDRESS = {"The organization SHOULD have a URL."}
"""The citation gives neither a website nor a ROR id."""

Bundled = Callable[..., Path]


@pytest.fixture
def bundled(kept: Kept, tmp_path: Path) -> Bundled:
    """Write the bundle of facts that a test changed."""

    def write(change: Callable[[Facts], Facts], metadata: DepositMetadata) -> Path:
        folder = tmp_path / "bundles" / "other"
        write_bundle(change(kept.facts), metadata, recorded.CITATION, kept.registry, kept.storage, folder)
        return folder

    return write


def test_the_crate_of_a_run_with_inputs_and_outputs_follows_every_recommendation(bundle: Path):
    answer = validated(bundle)
    assert answer["issues"] == []
    assert answer["checks"]


def test_parts_with_licences_of_their_own_and_works_of_all_kinds_follow_every_recommendation(bundled: Bundled):
    metadata = replace(
        recorded.metadata(),
        part_licences=(PartLicence("outputs", "CC-BY-4.0"), PartLicence("image", "MIT")),
        related=(Related("2103.06681", "issupplementto", "arxiv", "preprint"), Related("10.1002/(SICI)1", "references")),
    )
    assert validated(bundled(lambda facts: facts, metadata))["issues"] == []


def test_the_crate_of_an_environment_alone_follows_every_recommendation_too(bundled: Bundled):
    def alone(facts: Facts) -> Facts:
        return replace(facts, run=None, outputs=(), source=replace(facts.source, manifest=ALONE, inputs=()))

    assert validated(bundled(alone, recorded.metadata()), "ro-crate-1.1")["issues"] == []


def test_the_crate_of_a_matrix_follows_every_recommendation_too(bundled: Bundled):
    commands = {field: ("sh", "analysis.sh", field) for field in ("north", "the south")}

    def of_two_runs(facts: Facts) -> Facts:
        folders = ("1-field=north", "2-field=the_south")
        outputs = [replace(output, path=f"{folder}/{output.path}") for folder in folders for output in facts.outputs]
        return recorded.of_matrix(facts, commands, tuple(outputs))

    folder = bundled(of_two_runs, recorded.metadata())
    answer = validated(folder)
    assert answer["issues"] == []
    assert answer["checks"]
    entities = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    runs = [entity for entity in entities if entity["@type"] == "CreateAction" and "sh analysis.sh" in json.dumps(entity)]
    assert [len(run["result"]) for run in runs] == [2, 2]


def test_an_image_that_only_a_registry_keeps_is_described_and_no_part(bundled: Bundled):
    def left_out(facts: Facts) -> Facts:
        assert facts.image is not None
        return replace(facts, image=replace(facts.image, registry="registry.example/keep", bundled=False))

    folder = bundled(left_out, replace(recorded.metadata(), part_licences=(PartLicence("image", "MIT"),)))
    assert validated(folder)["issues"] == []
    entities = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    image = next(entity for entity in entities if entity["@id"] == "#image")
    assert image["registry"] == "registry.example/keep"
    assert image["description"].startswith("Not in this crate; kept at registry.example/keep/wobble@sha256:")
    assert "image/" not in {entity["@id"] for entity in entities}


def test_brought_outputs_and_inputs_kept_elsewhere_lack_only_what_nobody_knows(bundled: Bundled):
    elsewhere = InputFacts("doi:10.17876/x.1/b.csv", "data/b.csv", 9, "8" * 64, "k", doi="10.17876/x.1", copied=False)

    def brought(facts: Facts) -> Facts:
        project = replace(facts.source.project, url=None)
        outputs = tuple(replace(output, brought=True) for output in facts.outputs)
        return replace(facts, deposit=None, outputs=outputs, source=replace(facts.source, project=project, inputs=(elsewhere,)))

    poor = replace(recorded.metadata(), creators=(Creator("Ada"), Creator("The Team", organisation=True)), licences=("MIT",))
    messages = {issue["message"] for issue in validated(bundled(brought, poor))["issues"]}
    assert messages == AN_AUTHOR_WITHOUT_AFFILIATION | AN_ORGANISATION_WITHOUT_ADDRESS | CODE_THAT_IS_NOWHERE
