"""What a bundle says of a matrix: an action for each run, a line for each in the README, and a script that repeats all."""

import json
from typing import Any
from urllib.parse import quote

from fakes import facts as recorded
from tagstone.bundle.contents import bundle_files
from tagstone.domain.publications.record import Facts, dump, load

COMMANDS = {"north": ("fit", "north"), "a|b": ("fit", "a|b")}
FOLDERS = ("1-field=north", "2-field=a_b")
OUTPUTS = tuple(recorded.output(f"{folder}/results/plot.png", folder.encode()) for folder in FOLDERS)
MANIFEST, CONFIG, LAYERS = b"{}", b"{}", (b"layer",)


def facts() -> Facts:
    return recorded.of_matrix(recorded.facts(), COMMANDS, OUTPUTS)


def text(path: str) -> str:
    made = bundle_files(facts(), recorded.metadata(), recorded.CITATION, MANIFEST)
    found = next(file for file in made if file.path == path)
    assert isinstance(found.source, bytes)
    return found.source.decode()


def crate() -> dict[str, dict[str, Any]]:
    return {str(entity["@id"]): entity for entity in json.loads(text("ro-crate-metadata.json"))["@graph"]}


def test_the_crate_has_an_action_for_each_run_with_its_own_results() -> None:
    entities = crate()
    actions = [entity for entity in entities.values() if entity["@type"] == "CreateAction"]
    assert [action["@id"] for action in actions] == ["#run-1", "#run-2"]
    assert [action["result"] for action in actions] == [{"@id": f"outputs/{quote(file.path)}"} for file in OUTPUTS]
    assert [mention["@id"] for mention in entities["./"]["mentions"]] == ["#run-1", "#run-2", "#image"]


def test_each_action_has_its_own_values_and_hardware() -> None:
    entities = crate()
    for number, value in ((1, "north"), (2, "a|b")):
        mentioned = {item["@id"] for item in entities[f"#run-{number}"]["object"]}
        assert f"#parameter-field-{number}" in mentioned
        assert entities[f"#parameter-field-{number}"]["value"] == value
        assert {"@id": f"#granted-memory_limit-{number}"} in entities[f"#run-{number}"]["resourceUsage"]


def test_the_readme_has_a_line_for_each_run_and_no_value_breaks_its_table() -> None:
    lines = [line for line in text("README.md").splitlines() if line.startswith(("| 1 |", "| 2 |"))]
    assert len(lines) == 2
    assert r"| a\|b |" in lines[1]
    assert all("succeeded" in line and f"`outputs/{folder}/`" in line for line, folder in zip(lines, FOLDERS, strict=True))
    head = next(line for line in text("README.md").splitlines() if line.startswith("| run |"))
    assert head.count("|") == lines[0].count("|")


def test_provenance_names_the_values_and_command_of_each() -> None:
    decided = json.loads(text("provenance.intoto.json"))["predicate"]["buildDefinition"]["internalParameters"]
    assert decided["runs"] == [
        {"folder": "outputs/1-field=north/", "parameters": {"field": "north"}, "command": ["fit", "north"]},
        {"folder": "outputs/2-field=a_b/", "parameters": {"field": "a|b"}, "command": ["fit", "a|b"]},
    ]


def test_the_record_of_a_matrix_is_read_back_as_it_was() -> None:
    assert load(dump(facts())) == facts()


def test_the_script_knows_every_run() -> None:
    script = text("reproduce.sh")
    assert "recorded_runs='1-field=north 2-field=a_b'" in script
    assert script.count("1-field=north)") == 3
