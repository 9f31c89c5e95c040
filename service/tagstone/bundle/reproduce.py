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
    values["runs"] = " ".join(one.combination.folder for one in facts.matrix)
    values |= _run_values(facts.run) if facts.run else {"gpus": "0"}
    lines = [f"recorded_{name}={shell(value)}" for name, value in values.items()]
    functions = _functions(facts, image)
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


def _functions(facts: Facts, image: ImageFacts) -> list[str]:
    """What starts the recorded run, or of a matrix the one whose folder is `$run`; folders' names are plain words."""
    if facts.run is None:
        return []
    makers = {one.combination.folder: one.run for one in facts.matrix} or {"": facts.run}
    bodies = {
        "recorded_run": {folder: _started(image, run) for folder, run in makers.items()},
        "recorded_container_limited": {folder: _contained(image, run, limited=True) for folder, run in makers.items()},
        "recorded_container": {folder: _contained(image, run, limited=False) for folder, run in makers.items()},
    }
    return [_function(name, cases) for name, cases in bodies.items()]


def _function(name: str, cases: dict[str, str]) -> str:
    begin = "  recorded_image=$1\n  shift\n" if name == "recorded_run" else ""
    if list(cases) == [""]:
        return f"{name}() {{\n{begin}  {cases['']}\n}}"
    lines = "".join(f"    {shell(folder)}) {body} ;;\n" for folder, body in cases.items())
    return f"{name}() {{\n{begin}  case $run in\n{lines}  esac\n}}"


def _started(image: ImageFacts, run: RunFacts) -> str:
    """The command (with an image behind it) with the recorded environment, then the image and the recorded command."""
    environment = " ".join(f"--env {shell(f'{name}={value}')}" for name, value in run.spec.variables.items())
    command = " ".join(shell(word) for word in command_line(image, run))
    return f'"$@" {environment} "$recorded_image" {command}'


def _contained(image: ImageFacts, run: RunFacts, *, limited: bool) -> str:
    """What runc is handed where there is no engine, with or without limits."""
    text = json.dumps(container(image, run, limited=limited), ensure_ascii=True)
    return f"printf '%s\\n' {shell(text)}"


def _inputs_function(facts: Facts) -> str:
    """`recorded_inputs`: one line for each input whose bytes are not in the bundle."""
    lines = [_fetched(given) for given in facts.source.inputs if not given.copied]
    return "\n".join(["recorded_inputs() {", *lines, "  :", "}"])


def _fetched(given: InputFacts) -> str:
    words = (check_path(given.path), given.sha256, download(given), address(given))
    return "  fetch_input " + " ".join(shell(word) for word in words)
