"""Reading tagstone.yml: strict, all faults at once, each with its line and what to do."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tagstone.domain.manifests.manifest import EXAMPLE, Manifest, command_line, dump_manifest, json_schema, parse_manifest
from tagstone.domain.reading.yaml_text import decode
from tagstone.domain.runs.hardware import Resources

ASSETS = Path(__file__).parents[2] / "assets" / "manifest"


def parsed(text: str) -> Manifest:
    """The manifest of a text without faults."""
    manifest, faults = parse_manifest(text)
    assert faults == ()
    assert manifest is not None
    return manifest


def messages(text: str) -> list[str]:
    """Faults as `line: message`."""
    manifest, faults = parse_manifest(text)
    assert (manifest is None) is bool(faults)
    assert all(fault.remedy for fault in faults)
    return [f"{fault.line}: {fault.message}" for fault in faults]


def with_run(line: str) -> str:
    """The example with one more line in its section `run`."""
    return EXAMPLE.replace("run:\n", f"run:\n  {line}\n")


def test_the_example_of_the_remedy_is_a_manifest() -> None:
    environment = parsed(EXAMPLE).environment
    assert environment is not None
    assert environment.base == "debian:bookworm"


def test_a_full_manifest_is_read() -> None:
    manifest = parsed((ASSETS / "full.yml").read_text())
    assert manifest.environment is not None
    assert manifest.run is not None
    assert manifest.environment.apt == ("python3", "python3-venv")
    assert manifest.run.resources == Resources(2.0, 4 * 2**30, 10 * 2**30, 5400, 1, "a100")
    assert manifest.inputs[0].source == "https://example.org/gaia/sample.fits?version=3"
    assert [rule.path for rule in manifest.outputs.made] == ["results/*.png", "results/**/*.csv"]
    assert (manifest.deposit.to, manifest.deposit.community, manifest.deposit.review) == ("zenodo", "punch4nfdi", True)
    assert [(work.related.identifier, work.related.relation, work.related.scheme) for work in manifest.related] == [
        ("10.1051/0004-6361/201834567", "issupplementto", "doi"),
        ("https://example.org/talk", "isdocumentedby", "url"),
    ]


def test_parameters_are_filled_in_and_doubled_braces_are_kept() -> None:
    command = command_line(parsed((ASSETS / "full.yml").read_text()))
    assert command == ("python", "analysis.py", "--bins", "64", "{bins}", "--fast=true", "--scale=0.5")


def test_other_braces_are_left_alone() -> None:
    text = EXAMPLE.replace("[python3, analysis.py]", """[awk, '{print $1}', '{"a": 1}', "${#x}"]""")
    assert command_line(parsed(text)) == ("awk", "{print $1}", '{"a": 1}', "${#x}")


def test_every_fault_is_found_at_once_with_its_line_and_remedy() -> None:
    _, faults = parse_manifest((ASSETS / "all-wrong.yml").read_text())
    assert [str(fault) for fault in faults] == (ASSETS / "all-wrong.txt").read_text().splitlines()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("parameters: {bins: 3}", "2: The parameter `bins` is not used."),
        ("parameters: {a b: 3}", "`run.parameters.a b`: 'a b' is not a parameter's name."),
        ("resources: {memory: 0Gi}", "'0Gi' is not an amount of bytes."),
        ("resources: {cpu: 0}", "`run.resources.cpu`: Input should be greater than 0."),
        ("resources: {cpu: true}", "`run.resources.cpu` must be a number, not true."),
        ("resources: [a]", "`run.resources` must be a mapping (`key: value` lines), not a list."),
        ("resources:", "`run.resources` must be a mapping (`key: value` lines), not nothing."),
        ("network: 1", "`run.network` must be true or false, not the number 1."),
        ("cpu: 3", "`run.cpu` is no key of this file."),
    ],
)
def test_faults_of_the_run_are_told(line: str, message: str) -> None:
    assert any(message.removeprefix("2: ") in found for found in messages(with_run(line)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[python3, analysis.py]", "python3 analysis.py", "5: `run.command` must be a list"),
        ("[python3, analysis.py]", "[]", "5: `run.command` is empty."),
        ("[python3, analysis.py]", "[python3, 3]", "5: `run.command.1` must be a text, not the number 3."),
        ("[python3, analysis.py]", "[python3, '{bins}']", "5: `{bins}` stands for no parameter."),
        ("[python3, analysis.py]", '[python3, "\\0"]', "5: A control character is written with a backslash."),
        ("base: debian:bookworm", "containerfile: Containerfile", "1: `environment`: `containerfile` stands beside `apt`."),
        ("  base: debian:bookworm\n", "", "1: `environment`: The environment stands on nothing."),
        ("[results/*.png]", "[/results/*]", "6: `outputs.0`: The glob '/results/*' is absolute."),
        ("[results/*.png]", "[a/../../b]", "6: `outputs.0`: The glob 'a/../../b' leaves the repository."),
        ("[results/*.png]", "['results/']", "is not written plainly"),
        ("[results/*.png]", "['a**/b']", "has `**` beside other characters"),
        ("[results/*.png]", "['[a']", "has a `[` without its `]`"),
        ("[results/*.png]", "[.GIT/config]", "lies in `.git`"),
        ("[results/*.png]", '["a\\nb"]', "has a control character"),
        ("[results/*.png]", "[]", "`outputs` is missing: the run would leave nothing."),
        ("outputs: [results/*.png]\n", "", "`outputs` is missing: the run would leave nothing."),
        ("outputs: [results/*.png]", "outputs: 3", "6: `outputs`: It is neither a list nor a mapping."),
        ("[results/*.png]", "{made: [a], brougth: [b]}", "6: `outputs.brougth` is no key of this file."),
        ("[results/*.png]", "{made: [../a]}", "6: `outputs.made.0`: The glob '../a' leaves the repository."),
        ("[results/*.png]", "[{path: a, rtol: 1e-9}]", "6: `outputs.0`: Bytes have no tolerance."),
        ("[results/*.png]", "[{path: a, compare: number}]", "6: `outputs.0.compare`"),
        ("outputs:", "<<:", "`<<` is no key of this file."),
        ("[results/*.png]", "[&a b, *a]", "6: `&a` is an anchor."),
        ("[results/*.png]", "!!python/object:os.system [b]", "is a tag."),
        ("  base:", "\tbase:", "2: A tab stands where YAML wants spaces."),
        ("outputs", "---\noutputs", "A second document begins."),
        ("outputs", "? [a]\n: b\noutputs", "A key is not a plain word."),
        ("outputs", "x: \x07\noutputs", "6: The character U+0007 cannot stand in YAML."),
    ],
)
def test_faults_are_told(old: str, new: str, message: str) -> None:
    assert any(message in found for found in messages(EXAMPLE.replace(old, new))), messages(EXAMPLE.replace(old, new))


def test_inputs_come_from_addresses_records_and_paths_and_lie_apart() -> None:
    text = (
        EXAMPLE
        + "inputs:\n  - {from: http://example.org/a, to: a}\n  - {from: doi:10.5281/zenodo.1/x.csv, to: a/b, sha256: X}\n"
    )
    assert messages(text) == [
        "8: `inputs.0.from`: 'http://example.org/a' is not a place that inputs can be fetched from.",
        "9: `inputs.1.sha256`: 'X' is not a sha256.",
        "9: Two inputs would lie at 'a/b'.",
    ]
    manifest = parsed(
        EXAMPLE + "inputs: [{from: doi:10.5281/zenodo.1/x y.csv, to: a}, {from: ../b, to: b, licence: CC0-1.0}]\n"
    )
    assert [given.doi for given in manifest.inputs] == ["10.5281/zenodo.1", None]


@pytest.mark.parametrize("text", ["", "# nothing\n", "~", "[]", "a", "3"])
def test_an_empty_manifest_is_shown_a_minimal_one(text: str) -> None:
    (fault,) = parse_manifest(text)[1]
    assert EXAMPLE in fault.remedy


def test_anything_but_utf_8_is_refused_with_its_line() -> None:
    text, (fault,) = decode("a: b\nc: ü\n".encode("latin-1"), "tagstone.yml")
    assert (text, fault.line) == ("", 2)
    assert decode("\ufeffa: b\n".encode(), "tagstone.yml") == ("a: b\n", ())
    assert decode(b"x" * (2**20 + 1), "tagstone.yml")[1][0].message == "The file is larger than 1 MiB."


def test_a_manifest_written_out_is_read_as_the_same() -> None:
    for text in (EXAMPLE, (ASSETS / "full.yml").read_text()):
        manifest = parsed(text)
        assert parsed(dump_manifest(manifest)) == manifest
        assert '"memory"' in dump_manifest(manifest)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True),
        st.one_of(
            st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=20),
            st.integers(-(10**17), 10**17),
            st.floats(allow_nan=False, allow_infinity=False),
            st.booleans(),
        ),
        max_size=4,
    )
)
@settings(max_examples=60, deadline=None)
def test_parameters_survive_being_written_out(parameters: dict[str, object]) -> None:
    value = {
        "environment": {"base": "debian:bookworm"},
        "run": {"command": [f"{{{name}}}" for name in parameters] or ["x"], "parameters": parameters},
        "outputs": ["x"],
    }
    manifest = Manifest.model_validate_json(json.dumps(value), strict=True)
    assert parsed(dump_manifest(manifest)) == manifest


def test_the_schema_knows_every_key() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == {"environment", "run", "inputs", "outputs", "deposit", "related", "waived_secrets"}
    assert schema["additionalProperties"] is False
    assert {"from", "to", "sha256", "licence"} == set(schema["$defs"]["Input"]["properties"])
    assert "resources" in schema["$defs"]["RunSection"]["properties"]
    assert "is" in schema["$defs"]["RelatedWork"]["properties"]
    json.dumps(schema)


PIECES = [
    *EXAMPLE.splitlines(True),
    "- ",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "!x ",
    "'",
    '"',
    ": ",
    "\t",
    "\n",
    "1",
    "true",
    "{bins}",
]
TEXTS = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=30).map("".join))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS)
@example('"\\ud800": 1')
@example("run: {command: [a], parameters: {? {a: b} : c}}")
@example("outputs: ['" + "*" * 500 + "']")
def test_any_text_gives_a_manifest_or_faults(text: str) -> None:
    manifest, faults = parse_manifest(text)
    assert (manifest is None) is bool(faults)
    for fault in faults:
        str(fault).encode()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_faults_and_never_another_error(data: bytes) -> None:
    text, faults = decode(data, "tagstone.yml")
    assert faults or parse_manifest(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 500_000,
        "{a: " * 200_000,
        "- " * 500_000,
        "? " * 500_000,
        "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(20_000)),
        "k: v\n" * 200_000,
        EXAMPLE + "x: '" + "y" * 900_000,
        EXAMPLE.replace("[python3]", "[" + "A, " * 15_000 + "b]"),
        EXAMPLE.replace("analysis.py", "'" + "{a}" * 300_000 + "'"),
        EXAMPLE.replace("results/*.png", "'" + "*a" * 400_000 + "'"),
        EXAMPLE + "inputs:\n" + "".join(f"- {{from: x, to: a{n}/b, sha256: c}}\n" for n in range(4_000)),
        "\n".join(f"outputz{n}: 1" for n in range(9_000)),
    ],
    ids=lambda text: text[:12],
)
def test_a_bomb_is_answered_in_bounded_time(text: str) -> None:
    before = time.monotonic()
    parse_manifest(text[: 2**20])
    assert time.monotonic() - before < 10
