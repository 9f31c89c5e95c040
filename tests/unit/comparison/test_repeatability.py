"""What is advised about outputs that two runs made differently."""

import io
from collections.abc import Callable

import pytest
from PIL import Image

from fakes.facts import output
from tagstone.adapters.output_values.differences import Differences
from tagstone.adapters.output_values.json_values import compare as by_json
from tagstone.adapters.output_values.number_text import compare as by_numbers
from tagstone.adapters.output_values.pixels import compare as by_pixels
from tagstone.domain.manifests.manifest import parse_manifest
from tagstone.domain.manifests.sections import Output
from tagstone.domain.runs.comparison import Change, ChangeKind, Deviation, compare
from tagstone.domain.runs.repeatability import Advice, Repetition, advise

READERS = {"numbers": by_numbers, "json": by_json, "pixels": by_pixels}


def reader(one: bytes, two: bytes) -> Callable[[Output], Deviation]:
    def by_value(rule: Output) -> Deviation:
        differences = Differences(rule.rtol, rule.atol)
        READERS[rule.compare](io.BytesIO(one), io.BytesIO(two), differences)
        return differences.result()

    return by_value


def advised(path: str, one: str | bytes, two: str | bytes, declared: Output | None = None) -> Advice:
    first, second = (data.encode() if isinstance(data, str) else data for data in (one, two))
    change = Change(path, ChangeKind.CHANGED, output(path, first), output(path, second), declared or Output(path="results/*"))
    return advise(change, reader(first, second))[1]


def picture(value: int, **more: object) -> bytes:
    out = io.BytesIO()
    Image.new("L", (4, 4), value).save(out, "PNG", **more)
    return out.getvalue()


def test_rounding_is_answered_with_a_relative_tolerance_that_has_room():
    advice = advised("results/fit.csv", "1.0\n", "1.000000000003\n")
    assert advice.rule == Output(path="results/fit.csv", compare="numbers", rtol=1e-11)
    assert advice.text == ('declare below `outputs`, above results/*: {path: "results/fit.csv", compare: numbers, rtol: 1e-11}')


def test_rounding_near_zero_is_answered_with_an_absolute_one():
    assert advised("results/fit.csv", "1e-17 5\n", "-3e-17 5\n").rule == Output(
        path="results/fit.csv", compare="numbers", atol=1e-15
    )


def test_both_at_once_are_answered_with_both():
    rule = advised("results/fit.csv", "1e-17 5e6\n", "-3e-17 5000000.0001\n").rule
    assert rule is not None
    assert (rule.rtol, rule.atol) == (1e-6, 1e-9)


def test_the_same_values_in_another_notation_need_no_tolerance():
    assert advised("results/a.json", '{"a": 1, "b": 2}', '{"b": 2, "a": 1.0}').text.endswith(
        '{path: "results/a.json", compare: json}'
    )


def test_a_picture_that_differs_in_metadata_only_is_compared_by_pixels():
    assert advised("plot.png", picture(1), picture(1, dpi=(72, 72))).rule == Output(path="plot.png", compare="pixels")
    assert advised("plot.png", picture(1), picture(3)).rule == Output(path="plot.png", compare="pixels", atol=2)
    assert advised("plot.png", picture(1), picture(9)).rule is None


@pytest.mark.parametrize(
    ("one", "two", "cause"),
    [
        ("made Sat Nov 21 06:37:10 2026\n", "made Sat Nov 21 06:37:12 2026\n", "SOURCE_DATE_EPOCH"),
        ("on 2026-11-21\n", "on 2026-11-22\n", "SOURCE_DATE_EPOCH"),
        ("b\na\n", "a\nb\n", "sort"),
        ("<object at 0x7f18271f18a0>\n", "<object at 0x7f18271f18b0>\n", "address"),
        ("/tmp/tmpab12cd34\n", "/tmp/tmpzz12cd34\n", "temporary"),
        ("0.1\n", "0.9\n", "seed"),
        ("apple\n", "pear\n", "usual causes"),
    ],
)
def test_what_no_tolerance_should_hide_is_traced_to_its_cause(one, two, cause):
    advice = advised("results/a.txt", one, two)
    assert advice.rule is None
    assert cause in advice.text


@pytest.mark.parametrize(
    ("path", "cause"), [("a.pdf", "SOURCE_DATE_EPOCH"), ("a.npz", "time of each"), ("a.bin", "usual causes")]
)
def test_formats_that_cannot_be_compared_by_value_have_causes_of_their_own(path, cause):
    advice = advised(path, "1", "2")
    assert advice.rule is None
    assert cause in advice.text


def test_a_declared_tolerance_that_is_too_small_is_answered_with_a_larger_one():
    declared = Output(path="results/fit.csv", compare="numbers", rtol=1e-15)
    assert advised("results/fit.csv", "1.0\n", "1.000000000003\n", declared).text.startswith("declare below `outputs`: {path")


@pytest.mark.parametrize(
    "path", ["results/a[1].csv", "results/what?.csv", "results/*.csv", 'results/a"b: {}.csv', "results/ü.csv"]
)
def test_what_is_proposed_can_be_pasted_into_a_manifest_and_means_that_file(path):
    advice = advised(path, "1.0\n", "1.000000000003\n")
    line = advice.text.partition(": {")[2]
    text = f"environment: {{base: 'debian:bookworm'}}\nrun: {{command: [sh]}}\noutputs:\n- {{{line}\n- results/*\n"
    manifest, faults = parse_manifest(text)
    assert manifest is not None, faults
    assert manifest.outputs.made[0] == advice.rule
    found = compare([output(path, b"1")], [output(path, b"2")], manifest.outputs.made, lambda *_: Deviation())
    assert found.equivalent[0].rule == advice.rule


def test_the_answer_names_verdict_differences_and_advice():
    one, two = [output("same", b"0"), output("a.csv", b"1.0\n")], [output("same", b"0"), output("a.csv", b"2.0\n")]
    comparison = compare(one, two)
    repetition = Repetition(comparison, (Advice("a.csv", "do this"),))
    assert repetition.as_text().splitlines() == [
        "different: two runs differ in 1 of 2 outputs",
        "(recorded: by the first run, found: after the second)",
        "  changed: 'a.csv' (4 B recorded, 4 B found)",
        "    → do this",
    ]
    assert repetition.as_json()["advice"] == [{"path": "a.csv", "text": "do this", "rule": None}]
    assert Repetition(compare(one, one)).as_text() == "identical: both runs left the same 2 outputs"
