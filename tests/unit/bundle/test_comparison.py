"""Comparing two runs' outputs."""

from fakes.facts import output
from tagstone.domain.comparison import compare


def test_equal_outputs_are_identical():
    outputs = [output("a", b"1"), output("b", b"2")]
    comparison = compare(outputs, list(reversed(outputs)))
    assert comparison.identical
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


def test_a_hostile_name_is_shown_escaped():
    assert "'a\\x1b[31m'" in compare([], [output("a\x1b[31m", b"")]).as_text()
