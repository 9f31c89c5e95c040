"""`reproduce.sh`: the script of that name beside this module, with the recorded facts put in as quoted words."""

import json
from importlib.resources import files

from tagstone.bundle.container import command_line, container
from tagstone.bundle.text import shell
from tagstone.domain.record import ImageFacts, RunFacts

FILE = "reproduce.sh"
_PLACE = "#@RECORDED@\n"


def reproduce(publication: str, image: ImageFacts, run: RunFacts) -> str:
    """The script for one recorded run; text that authors wrote stands in single quotes only."""
    template = files("tagstone.bundle").joinpath(FILE).read_text("utf-8")
    before, _, after = template.partition(_PLACE)
    return before + _recorded(publication, image, run) + after


def _recorded(publication: str, image: ImageFacts, run: RunFacts) -> str:
    spec, granted = run.spec, run.status.granted
    values = {
        "name": f"tagstone-{publication}",
        "digest": image.image.digest,
        "config": image.image.config.digest,
        "workdir": run.spec.place,
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
    lines = [f"recorded_{name}={shell(value)}" for name, value in values.items()]
    return "\n".join([*lines, _run_function(image, run), *_container_functions(image, run)]) + "\n"


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
