"""What an include gives, put together with a repository's manifest."""

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagstone.domain.manifests.given import Given, compose
from tagstone.domain.manifests.manifest import EMPTY, Manifest, command_line, parse_manifest
from tagstone.errors import Invalid

OWN = "environment: {base: 'debian:bookworm'}\nrun: {command: [python3, a.py]}\noutputs: [results/*]\n"
BARE = "environment: {base: 'debian:bookworm'}\n"


def manifest_of(text: str) -> Manifest:
    manifest, faults = parse_manifest(text)
    assert manifest is not None, faults
    return manifest


def test_the_repositorys_manifest_counts_as_it_is_where_nothing_is_given():
    effective = compose(OWN, Given())
    assert (effective.text, effective.composed) == (OWN, False)


def test_a_repository_without_a_manifest_has_an_empty_one():
    assert compose(None, Given()).text == EMPTY


def test_command_outputs_and_hardware_make_a_manifest():
    effective = compose(None, Given("python3 'my analysis.py'", "results/*.csv plots", "2", "4Gi", "1Gi", "2h", "1", "a100"))
    manifest = manifest_of(effective.text)
    assert effective.composed
    assert command_line(manifest) == ("python3", "my analysis.py")
    assert [rule.path for rule in manifest.outputs.made] == ["results/*.csv", "plots"]
    assert manifest.run is not None
    resources = manifest.run.resources
    assert (resources.cpu, resources.memory, resources.time) == (2.0, 4 * 2**30, 7200)
    assert (resources.gpu, resources.gpu_type) == (1, "a100")


def test_what_the_manifest_does_not_say_is_added_to_it():
    manifest = manifest_of(compose(BARE, Given(command="true", outputs="out")).text)
    assert manifest.environment is not None
    assert manifest.environment.base == "debian:bookworm"
    assert command_line(manifest) == ("true",)


def test_a_rehearsal_goes_elsewhere_and_nothing_else_changes():
    effective = compose(OWN + "deposit: {to: zenodo, review: true}\n", Given(depository="zenodo-sandbox"))
    manifest = manifest_of(effective.text)
    assert (manifest.deposit.to, manifest.deposit.review) == ("zenodo-sandbox", True)
    assert command_line(manifest) == ("python3", "a.py")


def test_a_rehearsal_elsewhere_leaves_community_and_series_where_they_are():
    own = OWN + "deposit: {to: zenodo, community: punch4nfdi, continues: 10.5281/zenodo.1003149}\n"
    elsewhere = manifest_of(compose(own, Given(depository="local")).text).deposit
    assert (elsewhere.to, elsewhere.community, elsewhere.continues) == ("local", None, None)
    there = manifest_of(compose(own, Given(depository="zenodo")).text).deposit
    assert (there.community, there.continues) == ("punch4nfdi", "10.5281/zenodo.1003149")


def test_hardware_may_be_given_once_more_where_it_is_the_same():
    own = OWN.replace("a.py]}", "a.py], resources: {cpu: 2, time: 120m, gpu: 1}}")
    effective = compose(own, Given(cpu="2", time="2h", gpu="1"))
    manifest = manifest_of(effective.text)
    assert manifest == manifest_of(own)
    with pytest.raises(Invalid, match="both say the hardware, and differ"):
        compose(own, Given(cpu="4"))


@pytest.mark.parametrize(
    "twice",
    [Given(command="true"), Given(outputs="x"), Given(cpu="2"), Given(gpu="1", time="1h")],
    ids=lambda one: repr(one)[6:],
)
def test_what_the_manifest_says_cannot_be_given_once_more(twice):
    with pytest.raises(Invalid, match="both say"):
        compose(OWN, twice)


@pytest.mark.parametrize(
    "wrong",
    [
        Given(command="python3 'a", outputs="x"),
        Given(command="  ", outputs="x"),
        Given(command="true"),
        Given(outputs="x"),
        Given(memory="4Gi"),
        Given(command="true", outputs="/etc/*"),
        Given(command="true", outputs="x", memory="lots"),
        Given(command="true", outputs="x", cpu="1e3"),
        Given(command="true", outputs="x", gpu="-1"),
        Given(depository="../x"),
    ],
    ids=lambda one: repr(one)[6:],
)
def test_what_is_given_wrongly_is_told(wrong):
    with pytest.raises(Invalid):
        compose(None, wrong)


def test_a_broken_manifest_is_told_with_all_its_faults():
    with pytest.raises(Invalid) as caught:
        compose("runn: 1\nenvironmentt: 2\n", Given(command="true", outputs="x"))
    assert len(caught.value.faults) == 2


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=40))
def test_whatever_is_given_is_the_command_word_by_word_or_is_refused(command: str, outputs: str):
    try:
        effective = compose(None, Given(command=command, outputs=outputs))
    except Invalid:
        return
    if effective.composed:
        manifest = manifest_of(effective.text)
        assert list(command_line(manifest)) == (shlex.split(command) if command else [])
        assert [rule.path for rule in manifest.outputs.made] == (shlex.split(outputs) if outputs else [])


@settings(deadline=None)
@given(
    st.lists(
        st.text(alphabet=st.characters(blacklist_categories=["Cc", "Cs", "Co", "Cn", "Cf", "Zl", "Zp"]), min_size=1), min_size=1
    )
)
def test_braces_and_rare_letters_are_part_of_the_command(words: list[str]):
    try:
        effective = compose(None, Given(command=shlex.join(words), outputs="out"))
    except Invalid as error:
        assert not set("".join(words)) <= set("abc{}_"), error  # noqa: PT017 - what is refused is never a plain word
        return
    assert list(command_line(manifest_of(effective.text))) == words


@settings(deadline=None)
@given(st.text(alphabet="ab{}_ '\"\\$", min_size=1))
def test_no_shell_and_no_parameter_reads_a_word(word: str):
    if word.strip():
        effective = compose(None, Given(command=shlex.join(["echo", word]), outputs="out"))
        assert command_line(manifest_of(effective.text)) == ("echo", word)
