"""Comparing two runs' outputs: identical, equivalent, different."""

import json

from fakes.facts import output
from tagstone.domain.manifests.sections import Output
from tagstone.domain.runs.comparison import Comparison, Deviation, Verdict, compare, rule_of
from tagstone.domain.runs.run import OutputFile

NUMBERS = Output(path="*.csv", compare="numbers", rtol=1e-9)


def judged(deviation: Deviation, *rules: Output, path: str = "a.csv") -> Comparison:
    """Two files of one name and other bytes, of which comparing by value says `deviation`."""

    def by_value(recorded: OutputFile, found: OutputFile, rule: Output) -> Deviation:
        assert rule.compare != "bytes"
        return deviation

    return compare([output(path, b"1")], [output(path, b"2")], rules, by_value)


def test_equal_outputs_are_identical():
    outputs = [output("a", b"1"), output("b", b"2")]
    comparison = compare(outputs, list(reversed(outputs)))
    assert comparison.verdict is Verdict.IDENTICAL
    assert comparison.as_text() == "identical: all 2 outputs have the recorded checksums"
    assert comparison.as_json() == {"result": "identical", "same": ["a", "b"], "changes": []}


def test_every_difference_is_named():
    recorded = [output("changed", b"1"), output("missing", b"2"), output("same", b"3")]
    comparison = compare(recorded, [output("added", b"4"), output("changed", b"11"), output("same", b"3")])
    assert comparison.as_text().splitlines() == [
        "different: 1 of 3 outputs have the recorded checksums",
        "  added: 'added' (1 B)",
        "  changed: 'changed' (1 B recorded, 2 B found)",
        "  missing: 'missing' (1 B)",
    ]
    changes = comparison.as_json()["changes"]
    assert isinstance(changes, list)
    assert [(change["path"], change["kind"]) for change in changes] == [
        ("added", "added"),
        ("changed", "changed"),
        ("missing", "missing"),
    ]


def test_other_bytes_within_the_tolerance_are_equivalent_and_the_largest_deviation_is_told():
    comparison = judged(Deviation(0, 3e-12, 1.5e-12, ("line 2, column 1: 2.0 recorded, 2.000000000003 found",)), NUMBERS)
    assert comparison.verdict is Verdict.EQUIVALENT
    assert comparison.as_text().splitlines() == [
        "equivalent: 0 of 1 outputs have the recorded checksums, 1 more are equal within the declared tolerances",
        "  equivalent by numbers: 'a.csv' (1 B recorded, 1 B found)",
        "    all values are within the tolerance; the largest difference of two numbers is 3e-12 (relative: 1.5e-12)",
        "    line 2, column 1: 2.0 recorded, 2.000000000003 found",
    ]


def test_values_outside_the_tolerance_are_different():
    comparison = judged(Deviation(1, 1.0, 0.5), NUMBERS)
    assert comparison.verdict is Verdict.DIFFERENT
    assert "1 value differs by more than is allowed" in comparison.as_text()


def test_what_could_not_be_compared_is_different_and_says_why():
    comparison = judged(Deviation(problem="it needs more memory"), NUMBERS)
    assert comparison.verdict is Verdict.DIFFERENT
    assert "could not be compared: it needs more memory" in comparison.as_text()


def test_without_a_tolerance_bytes_decide():
    for rules in ([], [Output(path="*.csv")], [Output(path="*.txt", compare="numbers")]):
        assert judged(Deviation(), *rules).verdict is Verdict.DIFFERENT


def test_the_first_rule_that_matches_counts():
    assert judged(Deviation(), Output(path="a.csv"), NUMBERS).verdict is Verdict.DIFFERENT
    assert judged(Deviation(), NUMBERS, Output(path="a.csv")).verdict is Verdict.EQUIVALENT


def test_a_rule_for_a_folder_is_one_for_all_in_it():
    rule = Output(path="results", compare="numbers")
    assert rule_of("results/deep/a.csv", [rule]) is rule
    assert rule_of("others/a.csv", [rule]) is None


def test_infinite_deviations_are_still_json():
    comparison = judged(Deviation(1, 1.0, float("inf")), NUMBERS)
    change = json.loads(json.dumps(comparison.as_json(), allow_nan=False))["changes"][0]
    assert change["deviation"]["relative"] is None
    assert change["rule"]["compare"] == "numbers"


def test_a_run_without_outputs_ended_well():
    assert compare([], []).as_text() == "identical: the run ended well again; it has no outputs to compare"


def test_a_hostile_name_is_shown_escaped():
    assert "'a\\x1b[31m'" in compare([], [output("a\x1b[31m", b"")]).as_text()
