"""A matrix in the manifest: every combination is a run of its own, told apart by its folder, and capped together."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.manifests.manifest import EXAMPLE, Manifest, command_line, dump_manifest, parse_manifest
from tagstone.domain.publications.policy import Policy
from tagstone.domain.reading.paths import path_problem
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.matrix import combinations, size, together

COMMAND = EXAMPLE.replace("analysis.py]", 'fit.py, "{seed}", "{field}", "{bins}"]')


def parsed(*lines: str) -> tuple[Manifest | None, list[str]]:
    """The manifest with these lines in its section `run`, and its faults as `line: message`."""
    text = COMMAND.replace("run:\n", "run:\n" + "".join(f"  {line}\n" for line in lines))
    manifest, faults = parse_manifest(text)
    assert all(fault.remedy for fault in faults)
    return manifest, [f"{fault.line}: {fault.message}" for fault in faults]


FULL = ("parameters: {bins: 64}", "matrix: {seed: [1, 2, 3], field: [north, south]}", "parallel: 2")


def test_each_combination_is_a_command_and_a_folder_in_the_order_of_the_lists() -> None:
    manifest, faults = parsed(*FULL)
    assert faults == []
    assert manifest is not None
    assert manifest.run is not None
    made = combinations(manifest.run.matrix)
    assert [one.folder for one in made] == [
        "1-seed=1-field=north", "2-seed=1-field=south", "3-seed=2-field=north",
        "4-seed=2-field=south", "5-seed=3-field=north", "6-seed=3-field=south",
    ]  # fmt: skip
    assert command_line(manifest, made[3]) == ("python3", "fit.py", "2", "south", "64")
    assert str(made[3]) == "run 4 (seed=2, field=south)"


def test_a_matrix_survives_being_written_out() -> None:
    manifest, _ = parsed(*FULL)
    assert manifest is not None
    assert parse_manifest(dump_manifest(manifest)) == (manifest, ())


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ("parameters: {bins: 1, seed: 2}", "matrix: {seed: [1], field: [a]}"),
            "`seed` stands in `parameters` and in `matrix`.",
        ),
        (("parameters: {bins: 1}", "matrix: {seed: [1], field: [a], tail: [b]}"), "The parameter `tail` is not used."),
        (("parameters: {bins: 1}", "matrix: {seed: [1]}"), "`{field}` stands for no parameter."),
        (("parameters: {bins: 1}", "matrix: {seed: [], field: [a]}"), "`run.matrix.seed` is empty."),
        (("parameters: {bins: 1}", "matrix: {seed: 3, field: [a]}"), "`run.matrix.seed` must be a list"),
        (("parameters: {bins: 1}", 'matrix: {seed: [1, "1"], field: [a]}'), "`seed` has the value '1' twice."),
        (("parameters: {bins: 1}", "matrix: {seed: [[1]], field: [a]}"), "A parameter is a text, a number, true or false."),
        (("parameters: {bins: 1}", "matrix: {../x: [1], seed: [1], field: [a]}"), "is not a parameter's name"),
        (("parameters: {bins: 1, seed: 1, field: a}", "parallel: 2"), "`parallel` is given, but one run alone is asked for."),
        (("parameters: {bins: 1}", "matrix: {seed: [1], field: [a]}", "parallel: 0"), "`run.parallel`"),
    ],
)
def test_faults_of_a_matrix_are_told(lines: tuple[str, ...], message: str) -> None:
    manifest, faults = parsed(*lines)
    assert manifest is None
    assert any(message in fault for fault in faults), faults
    assert all(fault.split(":")[0].isdecimal() for fault in faults)


def test_more_combinations_than_any_site_takes_are_counted_and_not_made() -> None:
    many = ", ".join(map(str, range(1000)))
    manifest, faults = parsed("parameters: {bins: 1}", f"matrix: {{seed: [{many}], field: [{many}]}}")
    assert manifest is None
    assert faults == ["6: `run.matrix`: 1000000 combinations are more than 1000."]


@given(
    st.dictionaries(
        st.text(string.ascii_letters + "_", min_size=1, max_size=64),
        st.lists(st.text(max_size=200), min_size=1, max_size=4, unique=True),
        min_size=1,
        max_size=3,
    )
)
def test_whatever_the_values_are_folders_are_fit_for_every_system(matrix: dict[str, list[str]]) -> None:
    made = combinations(matrix)
    folders = [one.folder for one in made]
    assert len(made) == size(matrix)
    assert len({folder.casefold() for folder in folders}) == len(made)
    assert folders == sorted(folders)
    for folder in folders:
        assert path_problem(folder) is None
        assert folder.isascii()
        assert folder[0].isdigit()
        assert not folder.endswith(".")
        assert len(folder) <= 80
        assert "/" not in folder


def test_without_names_there_is_nothing_to_combine() -> None:
    assert (combinations({}), size({})) == ((), 0)


def test_runs_ask_for_hardware_at_once_and_for_time_one_after_the_other() -> None:
    asked = together(Resources(cpu=2, memory=4, disk=8, gpu=1, time=60), 6, 4)
    assert asked == Resources(cpu=8, memory=16, disk=32, gpu=4, time=120)
    assert together(Resources(time=60), 3, 8).time == 60


def test_caps_hold_for_all_runs_together() -> None:
    manifest, _ = parsed(*FULL, "resources: {cpu: 2, time: 1h}")
    assert manifest is not None
    assert manifest.run is not None
    assert Policy(cpu=4, time=3 * 3600).run_excesses(manifest.run) == []
    assert Policy(cpu=3, time=2 * 3600, combinations=5, parallel=1).run_excesses(manifest.run) == [
        "matrix: 6 combinations asked for, at most 5 allowed",
        "parallel: 2 runs at once asked for, at most 1 allowed",
        "resources.cpu: 4 cores asked for, at most 3 cores allowed for 6 runs, 2 at once",
        "resources.time: 3 h 0 min asked for, at most 2 h 0 min allowed for 6 runs, 2 at once",
    ]
