"""Checksums are written into a manifest as its author would: everything else stays as it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.manifests.edit import with_checksums
from tagstone.domain.reading.yaml_text import read_yaml
from tagstone.errors import Conflict

SUM = "ab12" * 16
OTHER = "cd34" * 16


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("inputs: [{from: x, to: y}]\n", f"inputs: [{{from: x, to: y, sha256: {SUM}}}]\n"),
        ("inputs:\n  - {from: x, to: y}  # mine\n", f"inputs:\n  - {{from: x, to: y, sha256: {SUM}}}  # mine\n"),
        ("inputs:\n- {from: x, to: y, }\n", f"inputs:\n- {{from: x, to: y, sha256: {SUM}, }}\n"),
        ("inputs: [{\n  from: x,\n  to: 'y'\n}]\n", f"inputs: [{{\n  from: x,\n  to: 'y', sha256: {SUM}\n}}]\n"),
        ("inputs:\n  - from: x\n    to: y\n", f"inputs:\n  - from: x\n    to: y\n    sha256: {SUM}\n"),
        ("inputs:\n  - from: x\n    to: y # why\n\n# end\nrun: 3\n", f"inputs:\n  - from: x\n    to: y # why\n    sha256: {SUM}\n\n# end\nrun: 3\n"),
        ("inputs:\n  - to: y\n    from: x", f"inputs:\n  - to: y\n    from: x\n    sha256: {SUM}\n"),
        ("inputs:\n  -   from: x\n      to: y\n", f"inputs:\n  -   from: x\n      to: y\n      sha256: {SUM}\n"),
        ("inputs:\r\n  - from: x\r\n    to: y\r\n", f"inputs:\r\n  - from: x\r\n    to: y\r\n    sha256: {SUM}\r\n"),
        ("inputs:\n  - from: x\n    to: >\n      y\n      z\nrun: 3\n", f"inputs:\n  - from: x\n    to: >\n      y\n      z\n    sha256: {SUM}\nrun: 3\n"),
        ("inputs:\n  - from: x\n    to: y\n    licence:\n", f"inputs:\n  - from: x\n    to: y\n    licence:\n    sha256: {SUM}\n"),
        ("inputs:\n  - sha256:\n    from: x\n    to: y\n", f"inputs:\n  - sha256: {SUM}\n    from: x\n    to: y\n"),
        ("inputs:\n  - sha256: null # ask\n    from: x\n", f"inputs:\n  - sha256: {SUM} # ask\n    from: x\n"),
        ("inputs: [{from: x, sha256: ~, to: y}]\n", f"inputs: [{{from: x, sha256: {SUM}, to: y}}]\n"),
        ("\ufeffinputs: [{from: x, to: y}]\n", f"\ufeffinputs: [{{from: x, to: y, sha256: {SUM}}}]\n"),
        ("inputs:\n  - {from: ü, to: 'a: b'}\n", f"inputs:\n  - {{from: ü, to: 'a: b', sha256: {SUM}}}\n"),
    ],
)  # fmt: skip
def test_the_checksum_is_all_that_changes(before: str, after: str) -> None:
    assert with_checksums(before, {0: SUM}) == after


def test_several_inputs_are_written_and_others_left_alone() -> None:
    text = "# head\ninputs:\n  - {from: a, to: a}\n  - from: b\n    to: b\n    # between\n  - {from: c, to: c}\nrun: 1\n"
    assert with_checksums(text, {0: SUM, 1: OTHER}) == (
        f"# head\ninputs:\n  - {{from: a, to: a, sha256: {SUM}}}\n  - from: b\n    to: b\n    sha256: {OTHER}\n"
        "    # between\n  - {from: c, to: c}\nrun: 1\n"
    )


@pytest.mark.parametrize("checksum", ["1" * 64, "1" * 60 + "e123"])
def test_a_checksum_that_looks_like_a_number_is_quoted(checksum: str) -> None:
    assert f'sha256: "{checksum}"' in with_checksums("inputs: [{from: x, to: y}]", {0: checksum})


@pytest.mark.parametrize("text", ["inputs: [&a {from: x}, *a]\n", "inputs: 3\n", "a: [", "", "inputs: [{from: x}]\n---\n"])
def test_what_cannot_be_edited_so_that_it_means_the_same_is_left_alone(text: str) -> None:
    with pytest.raises(Conflict) as caught:
        with_checksums(text, {0: SUM})
    assert f"sha256: {SUM}" in caught.value.remedy


_WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


@given(st.lists(st.tuples(_WORDS, _WORDS), min_size=1, max_size=4), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_whatever_stands_in_the_inputs_it_still_means_the_same(items: list[tuple[str, str]], flow: bool, newline: str) -> None:
    lines = ["run: 1", "inputs:"]
    for source, to in items:
        lines += [f"  - {{from: {source}, to: {to}}}"] if flow else [f"  - from: {source}", f"    to: {to}"]
    text = newline.join([*lines, "outputs: [a]", ""])
    try:
        edited = with_checksums(text, dict.fromkeys(range(len(items)), SUM))
    except Conflict:
        return
    before, after = read_yaml(text, "x"), read_yaml(edited, "x")
    assert isinstance(before.value, dict)
    assert isinstance(after.value, dict)
    assert after.faults == []
    assert [{**item, "sha256": SUM} for item in before.value["inputs"]] == list(after.value["inputs"])
    assert after.value["outputs"] == before.value["outputs"]
