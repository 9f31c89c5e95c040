"""`reproduce.sh`: the script of that name beside this module, with the recorded facts put in as quoted words."""

import json
from importlib.resources import files

from tagstone.bundle.container import command_line, container
from tagstone.bundle.files import check_path
from tagstone.bundle.inputs import address, download
from tagstone.bundle.text import shell
from tagstone.domain.manifests.manifest import parse_manifest
from tagstone.domain.publications.record import Facts, ImageFacts, InputFacts, RunFacts

FILE = "reproduce.sh"
_PLACE = "#@RECORDED@\n"


def reproduce(facts: Facts, image: ImageFacts) -> str:
    """The script for one record; text that authors wrote stands in single quotes only."""
    template = files("tagstone.bundle").joinpath(FILE).read_text("utf-8")
    before, _, after = template.partition(_PLACE)
    return before + _recorded(facts, image) + after


def _recorded(facts: Facts, image: ImageFacts) -> str:
    values = {
        "mode": _mode(facts),
        "tolerant": "yes" if tolerant(facts) else "no",
        "name": f"tagstone-{facts.publication}",
        "digest": image.image.digest,
        "config": image.image.config.digest,
        "address": "" if image.bundled else image.address,
    }
    values |= _run_values(facts.run) if facts.run else {"gpus": "0"}
    lines = [f"recorded_{name}={shell(value)}" for name, value in values.items()]
    functions = [_run_function(image, facts.run), *_container_functions(image, facts.run)] if facts.run else []
    return "\n".join([*lines, *functions, _inputs_function(facts)]) + "\n"


def _mode(facts: Facts) -> str:
    """What there is to do: `compare` what a run leaves, `check` that it ends well, or only `load` the image."""
    if facts.run is None:
        return "load"
    brought_alone = bool(facts.outputs) and all(output.brought for output in facts.outputs)
    return "check" if brought_alone else "compare"


def tolerant(facts: Facts) -> bool:
    """True when the author declares how far outputs may differ, which only Tagstone itself can tell."""
    manifest, _ = parse_manifest(facts.source.manifest)
    return manifest is not None and any(rule.compare != "bytes" for rule in manifest.outputs.made)


def _run_values(run: RunFacts) -> dict[str, str]:
    spec, granted = run.spec, run.status.granted
    return {
        "workdir": spec.place,
        "network": "yes" if spec.network else "no",
        "exit_code": str(run.status.exit_code or 0),
        "seconds": str(spec.resources.time),
        "cpus": f"{spec.resources.cpu:g}",
        "cpu_quota": str(round(spec.resources.cpu * 100_000)),
        "disk": str(spec.resources.disk),
        "gpus": str(spec.resources.gpu),
        "memory": str(spec.resources.memory),
        "pids": str(granted.pids_limit if granted and granted.pids_limit else -1),
    }


def _run_function(image: ImageFacts, run: RunFacts) -> str:
    """`recorded_run IMAGE COMMAND…`: the command with the recorded environment, the image and the recorded command behind it."""
    environment = " ".join(f"--env {shell(f'{name}={value}')}" for name, value in run.spec.variables.items())
    command = " ".join(shell(word) for word in command_line(image, run))
    return f'recorded_run() {{\n  recorded_image=$1\n  shift\n  "$@" {environment} "$recorded_image" {command}\n}}'


def _container_functions(image: ImageFacts, run: RunFacts) -> list[str]:
    """What runc is handed where there is no engine, with and without limits."""
    functions = []
    for name, limited in (("recorded_container_limited", True), ("recorded_container", False)):
        text = json.dumps(container(image, run, limited=limited), ensure_ascii=True)
        functions.append(f"{name}() {{\n  printf '%s\\n' {shell(text)}\n}}")
    return functions


def _inputs_function(facts: Facts) -> str:
    """`recorded_inputs`: one line for each input whose bytes are not in the bundle."""
    lines = [_fetched(given) for given in facts.source.inputs if not given.copied]
    return "\n".join(["recorded_inputs() {", *lines, "  :", "}"])


def _fetched(given: InputFacts) -> str:
    words = (check_path(given.path), given.sha256, download(given), address(given))
    return "  fetch_input " + " ".join(shell(word) for word in words)
