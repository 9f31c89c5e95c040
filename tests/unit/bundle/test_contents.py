"""What a bundle holds, and that it is a pure function of what was recorded."""

import hashlib
import json
import subprocess
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import facts as recorded
from tagstone.bundle.contents import bundle_files
from tagstone.bundle.files import BundleFile, InRegistry, InStorage, checksum_list, parse_checksum_list
from tagstone.domain.deposits.deposit import Affiliation, Creator, DepositState, PartLicence, Related
from tagstone.domain.images.oci import ImageSettings
from tagstone.domain.publications import record
from tagstone.domain.publications.record import Facts
from tagstone.domain.runs.run import Outcome
from tagstone.errors import Invalid, Permanent

MANIFEST = b'{"schemaVersion":2}'
CONFIG, LAYERS = b'{"config":1}', (b"base", b"environment", b"code")


def facts(**changes: Any) -> Facts:
    return recorded.facts(made=recorded.image(MANIFEST, CONFIG, LAYERS), **changes)


def bundled(of: Facts, title: str = "Wobble", **changes: Any) -> dict[str, BundleFile]:
    metadata = replace(recorded.metadata(title), **changes)
    return {file.path: file for file in bundle_files(of, metadata, recorded.CITATION, MANIFEST)}


def text(files: dict[str, BundleFile], path: str) -> str:
    source = files[path].source
    assert isinstance(source, bytes)
    return source.decode()


def entity(files: dict[str, BundleFile], identity: str) -> dict[str, Any]:
    graph = json.loads(text(files, "ro-crate-metadata.json"))["@graph"]
    (found,) = [item for item in graph if item["@id"] == identity]
    assert isinstance(found, dict)
    return found


def test_a_bundle_holds_code_image_outputs_log_and_words():
    files = bundled(facts())
    assert [path for path in files if not path.startswith("image/blobs/")] == [
        "CITATION.cff",
        "README.md",
        "SHA256SUMS",
        "code.tar",
        "codemeta.json",
        "image/index.json",
        "image/manifest.json",
        "image/oci-layout",
        "logs/run.log",
        "outputs/results/plot.png",
        "outputs/results/table.csv",
        "provenance.intoto.json",
        "reproduce.sh",
        "ro-crate-metadata.json",
        "sbom.cdx.json",
        "tagstone.json",
        "tagstone.yml",
    ]
    assert files["code.tar"].source == InStorage("code/wobble.tar")
    blobs = [file.source for path, file in files.items() if path.startswith("image/blobs/")]
    assert {source.digest for source in blobs if isinstance(source, InRegistry)} == {
        f"sha256:{recorded.sha256(data)}" for data in (CONFIG, *LAYERS)
    }


def test_equal_facts_make_equal_bytes():
    assert bundled(facts()) == bundled(facts())


def test_what_happened_to_the_deposit_later_changes_no_byte():
    later = facts()
    assert later.deposit is not None
    later = replace(later, deposit=replace(later.deposit, state=DepositState.PUBLISHED))
    assert bundled(later) == bundled(facts())


def test_the_path_of_somebodys_machine_is_not_archived():
    for file in bundled(facts()).values():
        assert not isinstance(file.source, bytes) or b"/home/ada" not in file.source


def test_the_list_of_checksums_names_every_other_file():
    files = bundled(facts())
    listed = parse_checksum_list(text(files, "SHA256SUMS").encode())
    assert listed == {path: file.sha256 for path, file in files.items() if path != "SHA256SUMS"}
    assert list(listed) == sorted(listed)


def test_bytes_at_hand_have_the_checksum_they_are_listed_with():
    for file in bundled(facts()).values():
        if isinstance(file.source, bytes):
            assert (file.size, file.sha256) == (len(file.source), hashlib.sha256(file.source).hexdigest())


def test_the_facts_can_be_read_again_from_the_bundle():
    of = facts()
    assert record.load(text(bundled(of), "tagstone.json").encode()) == record.archived(of)


def test_inputs_are_archived_and_named_in_the_crate():
    files = bundled(facts(inputs=(recorded.given("data/sample.csv", b"1"),)))
    assert files["inputs/data/sample.csv"].sha256 == recorded.sha256(b"1")
    assert {"@id": "inputs/data/sample.csv"} in entity(files, "#run")["object"]
    assert entity(files, "inputs/data/sample.csv")["isBasedOn"] == "https://data.example/data/sample.csv"


def test_without_a_finished_run_there_is_nothing_to_bundle():
    with pytest.raises(Permanent):
        bundled(replace(facts(), run=None))


def test_the_crate_describes_the_run():
    files = bundled(facts())
    run = entity(files, "#run")
    assert (run["startTime"], run["endTime"]) == ("2026-03-01T00:00:00.250+00:00", "2026-03-01T00:01:00.500+00:00")
    assert run["actionStatus"] == "http://schema.org/CompletedActionStatus"
    assert run["result"] == [{"@id": "outputs/results/plot.png"}, {"@id": "outputs/results/table.csv"}]
    assert {"@id": "#parameter-bins"} in run["object"]
    assert entity(files, "#parameter-bins")["value"] == "64"
    assert entity(files, "#requested-memory")["value"] == str(2**29)
    assert entity(files, "#granted-cpu_model")["value"] == "Some CPU @ 3 GHz"
    assert entity(files, "#environment-TAGSTONE_DOI")["value"] == "10.5072/tagstone.abc123"


def test_the_crate_names_the_image_by_digest():
    image = entity(bundled(facts()), "#image")
    assert image["@type"] == "ContainerImage"
    assert image["additionalType"] == {"@id": "https://w3id.org/ro/terms/workflow-run#DockerImage"}
    assert image["sha256"] == recorded.sha256(MANIFEST)
    assert (image["name"], image["tag"], image["registry"]) == ("wobble", "v1.0.0", "oci:image")


def test_the_crate_says_who_and_what():
    files = bundled(facts())
    root = entity(files, "./")
    assert root["license"] == {"@id": "https://spdx.org/licenses/MIT"}
    assert root["author"] == [{"@id": "https://orcid.org/0000-0002-1825-0097"}, {"@id": "#author-2"}]
    assert (root["datePublished"], root["identifier"]) == ("2026-03-01", "10.5072/tagstone.abc123")
    assert entity(files, "#author-2")["@type"] == "Organization"


def test_parts_with_licences_of_their_own_have_them_in_crate_and_readme():
    files = bundled(facts(), part_licences=(PartLicence("outputs", "CC-BY-4.0"), PartLicence("image", "GPL-3.0-or-later")))
    assert entity(files, "outputs/results/table.csv")["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    assert entity(files, "#image")["license"] == {"@id": "https://spdx.org/licenses/GPL-3.0-or-later"}
    assert entity(files, "./")["license"] == {"@id": "https://spdx.org/licenses/MIT"}
    assert entity(files, "https://spdx.org/licenses/CC-BY-4.0")["name"] == "CC-BY-4.0"
    assert "- Licence: MIT; of the outputs: CC-BY-4.0; of the image: GPL-3.0-or-later\n" in text(files, "README.md")
    assert "license" not in entity(bundled(facts()), "outputs/results/table.csv")


def test_somebody_who_works_at_several_places_is_at_all_of_them():
    both = (Affiliation("AIP", "03mrbr458"), Affiliation("A small observatory"))
    files = bundled(facts(), creators=(replace(recorded.metadata().creators[0], affiliations=both),))
    places = entity(files, "https://orcid.org/0000-0002-1825-0097")["affiliation"]
    assert [entity(files, place["@id"])["name"] for place in places] == ["AIP", "A small observatory"]
    (author,) = json.loads(text(files, "codemeta.json"))["author"]
    assert [place["name"] for place in author["affiliation"]] == ["AIP", "A small observatory"]


def test_related_works_have_addresses_whatever_identifies_them():
    works = (Related("10.1002/(SICI)1", "references"), Related("2103.06681", "issupplementto", "arxiv", "preprint"))
    root = entity(bundled(facts(), related=works), "./")
    assert root["citation"] == [{"@id": "https://doi.org/10.1002/%28SICI%291"}, {"@id": "https://arxiv.org/abs/2103.06681"}]


def test_only_a_registered_identifier_is_written_as_a_link():
    registered = replace(facts(), deposit=recorded.deposit(registered=True))
    assert entity(bundled(registered), "./")["identifier"] == "https://doi.org/10.5072/tagstone.abc123"
    assert "not registered" not in text(bundled(registered), "README.md")
    assert "test identifier, not registered" in text(bundled(facts()), "README.md")


def test_a_rehearsal_says_that_it_has_no_identifier():
    files = bundled(replace(facts(), deposit=None))
    assert "This is a rehearsal: it has no DOI" in text(files, "README.md")
    assert "identifier" not in entity(files, "./")


def test_a_failed_run_is_described_as_failed():
    of = facts()
    assert of.run is not None
    failed = replace(of.run, status=replace(of.run.status, outcome=Outcome.OUT_OF_MEMORY, exit_code=137))
    run = entity(bundled(replace(of, run=failed)), "#run")
    assert run["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert run["error"].startswith("out-of-memory: exit code 137")


def test_the_image_is_an_oci_layout_and_a_docker_archive():
    files = bundled(facts())
    (archive,) = json.loads(text(files, "image/manifest.json"))
    assert [f"image/{path}" in files for path in (archive["Config"], *archive["Layers"])] == [True] * 4
    (entry,) = json.loads(text(files, "image/index.json"))["manifests"]
    assert entry["digest"] == f"sha256:{recorded.sha256(MANIFEST)}"


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "/etc/passwd",
        "a//b",
        "a/../b",
        "",
        "a\nb",
        "a\\b",
        "a\x1b[31m",
        "gpj\u202e.exe",
        "a\u2028b",
        "a\udcff",
        "x" * 256,
    ],
)
def test_a_hostile_output_name_is_refused(path: str):
    of = facts()
    with pytest.raises(Invalid) as caught:
        bundled(replace(of, outputs=(replace(of.outputs[0], path=path),)))
    assert str(caught.value).isascii()
    assert caught.value.remedy


@pytest.mark.parametrize("path", ["a b.txt", "$(reboot).txt", "`x`.png", "'quoted'.csv", "-rf", "ünï.fits", "#1.txt", "a%20b"])
def test_an_odd_but_plain_output_name_is_kept(path: str):
    files = bundled(facts(outputs=(recorded.output(path, b"x"),)))
    assert parse_checksum_list(text(files, "SHA256SUMS").encode())[f"outputs/{path}"] == recorded.sha256(b"x")
    (result,) = [entity(files, "#run")["result"]]
    assert entity(files, result["@id"])["name"] == f"outputs/{path}"


HOSTILE = "<script>alert(1)</script> [x](javascript:1) # `code` | $(rm -rf ~) '\"\x1b[31m\u202e\n\n# Heading"


def test_hostile_titles_stay_text_in_the_readme():
    readme = text(bundled(facts(), HOSTILE), "README.md")
    outside = readme.replace("\\<", "").replace("\\[", "").replace("\\#", "")
    assert "<script" not in outside.split("@software")[0]
    assert "\n# Heading" not in readme
    assert "\x1b" not in readme
    assert "\u202e" not in readme


@given(st.text(), st.text())
def test_any_title_and_author_make_a_bundle(title: str, name: str):
    metadata = replace(recorded.metadata(title), creators=(Creator(name),), description=name)
    files = bundle_files(facts(), metadata, recorded.CITATION, MANIFEST)
    assert len(files) == len({file.path for file in files})


@given(st.dictionaries(st.from_regex(r"[a-z$ '\"#%*]{1,9}(/[a-z ]{1,5})?", fullmatch=True), st.binary(max_size=3), max_size=5))
def test_lists_of_checksums_are_read_as_they_were_written(content: dict[str, bytes]):
    files = [BundleFile(path, data, len(data), recorded.sha256(data)) for path, data in content.items()]
    assert parse_checksum_list(checksum_list(files)) == {file.path: file.sha256 for file in files}


@given(st.binary(max_size=300))
def test_a_damaged_list_of_checksums_is_a_clear_error(data: bytes):
    with suppress(Invalid):
        assert all(parse_checksum_list(data))


def test_the_script_starts_the_images_entrypoint_with_the_recorded_command():
    settings = ImageSettings(workdir="/workspace", entrypoint=("env", "A=1"), command=("never",))
    files = bundled(recorded.facts(made=recorded.image(MANIFEST, CONFIG, LAYERS, settings)))
    assert ' "$recorded_image" env A=1 python3 analysis.py --bins 64\n' in text(files, "reproduce.sh")


def test_without_a_recorded_command_the_images_own_is_started():
    settings = ImageSettings(workdir="/workspace", command=("sh", "run.sh"))
    files = bundled(recorded.facts(made=recorded.image(MANIFEST, CONFIG, LAYERS, settings), command=()))
    assert ' "$recorded_image" sh run.sh\n' in text(files, "reproduce.sh")


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), min_size=1, max_size=4))
def test_the_script_hands_over_every_word_as_it_was_recorded(words: list[str]):
    script = text(bundled(facts(command=tuple(words), env=(("X", words[0]),))), "reproduce.sh")
    begin = script.index("recorded_run() {")
    function = script[begin : script.index("\n}\n", begin) + 3]
    done = subprocess.run(
        ["/bin/sh", "-c", f"{function}recorded_run image printf '%s\\0'"], capture_output=True, check=True, timeout=10
    )
    home = ["--env", "HOME=/workspace/.home", "--env", "TMPDIR=/workspace/.tmp"]
    assert done.stdout.decode().split("\0")[:-1] == ["--env", f"X={words[0]}", *home, "image", *words]
