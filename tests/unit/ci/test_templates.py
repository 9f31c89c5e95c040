"""The templates as files: GitLab's schema, what they declare and use, and what they must never do."""

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it brings no types
import pytest
import yaml
from typer.main import get_command

import ci_reference
from tagstone.cli.application import application as command_line
from tagstone.cli.job import INPUT, Job

TEMPLATES = sorted(ci_reference.TEMPLATES.glob("*.yml"))
PARTS = [path for path in TEMPLATES if path.name != "tagstone.yml"]
NAMES = [path.name for path in TEMPLATES]
_VENDORED = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "gitlab-ci.json"
SCHEMA = json.loads(_VENDORED.read_text(encoding="utf-8"))
GLOBAL = {
    "default",
    "stages",
    "workflow",
    "variables",
    "include",
    "image",
    "services",
    "cache",
    "before_script",
    "after_script",
}
SAMPLES = {"service": "https://tagstone.example.org", "image": "registry.example.org/ci@sha256:" + "0" * 64}
_USED = re.compile(r"\$\[\[ inputs\.([a-z_]+) \]\]")


def body(path: Path, **given: object) -> dict[str, Any]:
    """The jobs of a template with its defaults filled in, as GitLab does it: a whole value keeps its type."""
    header, text = path.read_text().split("\n---\n")
    declared = yaml.safe_load(header)["spec"]["inputs"]
    values = {name: about.get("default", SAMPLES.get(name)) for name, about in declared.items()} | given

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {fill(key): fill(one) for key, one in value.items()}
        if isinstance(value, list):
            return [fill(one) for one in value]
        if not isinstance(value, str):
            return value
        whole = _USED.fullmatch(value)
        return values[whole[1]] if whole else _USED.sub(lambda match: str(values[match[1]]), value)

    # What is one input and nothing else is a text for YAML, quoted or not.
    filled = fill(yaml.safe_load(text))
    assert isinstance(filled, dict)
    return filled


def jobs(path: Path) -> dict[str, Any]:
    """The jobs by the names of the inputs that name them, as they are written."""
    written = yaml.safe_load(path.read_text().split("\n---\n")[1])
    return {_USED.findall(name)[0]: job for name, job in written.items()}


def errors(document: object) -> list[str]:
    checker = jsonschema.Draft7Validator(SCHEMA)
    return [f"{'/'.join(map(str, error.path))}: {error.message[:200]}" for error in checker.iter_errors(document)]


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_a_template_is_what_gitlabs_own_schema_wants(path: Path):
    header = yaml.safe_load(path.read_text().split("\n---\n")[0])
    assert errors(header) == []
    assert errors(body(path)) == []


def test_the_schema_finds_what_is_mistyped():
    wrong = body(TEMPLATES[0])
    next(iter(wrong.values()))["artefacts"] = {}
    assert errors(wrong) != []


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_every_input_is_described_typed_and_used(path: Path):
    declared = ci_reference.header(path.name)
    assert {name for name, about in declared.items() if not about.get("description") or "type" not in about} == set()
    assert set(_USED.findall(path.read_text().split("\n---\n")[1])) == set(declared)


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_every_default_is_one_that_its_input_would_take(path: Path):
    for name, about in ci_reference.header(path.name).items():
        if "default" in about and "regex" in about:
            assert re.search(about["regex"], str(about["default"])), name
        if "default" in about and "options" in about:
            assert about["default"] in about["options"], name


def test_texts_are_held_by_an_expression_wherever_anything_but_a_job_of_ours_reads_them():
    free = {"command", "outputs", "run_image"}
    for path in TEMPLATES:
        texts = {name: about for name, about in ci_reference.header(path.name).items() if about["type"] == "string"}
        assert {name for name, about in texts.items() if not {"regex", "options"} & set(about)} <= free


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_every_job_is_named_by_an_input_and_nothing_global_is_set(path: Path):
    written = yaml.safe_load(path.read_text().split("\n---\n")[1])
    assert not GLOBAL & set(written)
    assert all(re.fullmatch(r"\$\[\[ inputs\.[a-z]+_job \]\]", name) for name in written)
    assert all(re.fullmatch(r"\$\[\[ inputs\.[a-z]+_stage \]\]", job["stage"]) for job in written.values())


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_every_line_of_a_script_is_one_command_of_ours(path: Path):
    root = get_command(command_line())
    known = set(getattr(getattr(root, "commands", {})["ci"], "commands", {}))
    for job in jobs(path).values():
        assert not {"before_script", "after_script"} & set(job)
        assert job["script"]
        assert {line.removeprefix("tagstone ci ") for line in job["script"]} <= known


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_images_are_inputs_pinned_by_digest(path: Path):
    assert {job["image"]["name"] for job in jobs(path).values()} <= {"$[[ inputs.image ]]", "$[[ inputs.run_image ]]"}
    about = ci_reference.header(path.name).get("image")
    if about:
        assert "default" not in about
        assert re.search(about["regex"], SAMPLES["image"])
        assert not re.search(about["regex"], "registry.example.org/ci:latest")


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_what_people_write_reaches_a_job_as_a_variable_that_nothing_expands(path: Path):
    for job in jobs(path).values():
        ours = {name: value for name, value in job["variables"].items() if name.startswith(INPUT)}
        loose = {name for name, value in ours.items() if not isinstance(value, dict)}
        assert loose <= {"TAGSTONE_CI_BUILDER", "TAGSTONE_CI_RELEASE", "TAGSTONE_CI_PATIENCE", "TAGSTONE_CI_DEPOSITORY"}
        assert all(value["expand"] is False for value in ours.values() if isinstance(value, dict))
        known = {str(about.validation_alias) for about in Job.model_fields.values()}
        assert set(ours) <= known


def test_every_variable_that_the_command_line_reads_is_given_by_some_template():
    given = {name for path in TEMPLATES for job in jobs(path).values() for name in job["variables"]}
    read = {str(about.validation_alias) for about in Job.model_fields.values()}
    assert {name for name in read if name.startswith(INPUT)} <= given


def test_tokens_are_for_the_service_alone_and_only_where_something_is_handed_in():
    for path in TEMPLATES:
        for name, job in jobs(path).items():
            tokens = job.get("id_tokens")
            wanted = (
                {"TAGSTONE_ID_TOKEN": {"aud": "$[[ inputs.service ]]"}} if name in ("publish_job", "rehearse_job") else None
            )
            assert tokens == wanted


@pytest.mark.parametrize("path", PARTS, ids=[path.name for path in PARTS])
def test_a_part_is_the_same_as_in_the_whole(path: Path):
    whole, header = jobs(ci_reference.TEMPLATES / "tagstone.yml"), ci_reference.header("tagstone.yml")
    for name, job in jobs(path).items():
        alike = [name for name in job if name not in ("rules", "variables")]
        assert {key: job[key] for key in alike} == {key: whole[name][key] for key in alike}
        assert job["variables"] == whole[name]["variables"]
    for name, about in ci_reference.header(path.name).items():
        assert header[name] == about


def test_the_readme_is_what_the_templates_say():
    assert ci_reference.README.read_text(encoding="utf-8") == ci_reference.reference()


def test_a_runner_is_never_told_an_empty_selector_or_toleration():
    # gitlab-runner, executors/kubernetes/overwrites.go: an empty toleration tolerates every taint.
    for path in (ci_reference.TEMPLATES / "run.yml", ci_reference.TEMPLATES / "tagstone.yml"):
        job = jobs(path)["run_job"]
        selector, toleration = "KUBERNETES_NODE_SELECTOR_TAGSTONE", "KUBERNETES_NODE_TOLERATIONS_TAGSTONE"
        names = {selector: "node_selector", toleration: "toleration"}
        assert not set(names) & set(job["variables"])
        told = [(rule["if"], set(rule.get("variables", {}))) for rule in job["rules"]]
        assert [given for _, given in told] == [{selector, toleration}, {selector}, {toleration}, set()]
        assert all(f'"$[[ inputs.{names[name]} ]]" != ""' in condition for condition, given in told for name in given)
