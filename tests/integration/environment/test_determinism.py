"""Repositories as scientists have them, each built twice from nothing, at two places that have nothing in common.

The second place has another path, host name, umask, time zone, locale, user name, hash seed, and a clock 40 days ahead. Both give
the same image, byte for byte, and the runs in them the same outputs. `make test-environments` prints the table.
"""

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from servers.mounts import unmount_below

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / "tests" / "rigs" / "one_build.py"
REPOSITORIES = {
    path.name: path
    for folder in (ROOT / "examples", ROOT / "tests" / "assets" / "environments")
    for path in sorted(folder.iterdir())
    if path.is_dir() and path.name != "chandler-wobble"  # the demo's own test builds that one
}
# Of each shape that people have there is one at least.
SHAPES = {
    "plain Python": "hubble-1929",
    "compiled extension": "three-body-extension",
    "notebook": "moons-of-jupiter",
    "R script": "nile-1898",
    "shell and C": "ising-pipeline",
    "Containerfile": "lorenz-containerfile",
    "REES only": "sunrise-rees",
    "service with a port": "moon-service",
    "table with tolerance": "crab-table",
}
GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_AUTHOR_DATE": "2026-11-01T12:00:00+00:00",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_COMMITTER_DATE": "2026-11-01T12:00:00+00:00",
}
HERE = {"TZ": "UTC", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "USER": "root"}
ELSEWHERE = {
    "TZ": "Pacific/Kiritimati",
    "LANG": "tr_TR.UTF-8",
    "LC_ALL": "tr_TR.UTF-8",
    "PYTHONHASHSEED": "4711",
    "USER": "ada",
}
MOVED = ["unshare", "--uts", "sh", "-c", 'hostname far-away && umask 077 && exec "$@"', "sh"]
SECONDS = 1500


def test_every_shape_has_its_repository():
    assert sorted(SHAPES.values()) == sorted(REPOSITORIES)


@pytest.mark.environments
@pytest.mark.parametrize("shape", SHAPES)
def test_two_places_give_one_image_and_one_result(shape, tmp_path, record_property):
    repository = REPOSITORIES[SHAPES[shape]]
    one, other = tmp_path / "one", tmp_path / "quite another" / "place"
    with ExitStack() as stack:
        for place in (one, other):
            stack.callback(unmount_below, place)
        builds = [stack.enter_context(_started(repository, one, [], HERE, 0))]
        builds.append(stack.enter_context(_started(repository, other, MOVED, ELSEWHERE, 40)))
        first, second = (_answer(build, place) for build, place in zip(builds, (one, other), strict=True))
    row = {"shape": shape, "repository": repository.name, "engine": first["engine"], "packages": first["packages"]}
    row |= {"digest": first["digest"], "seconds": [first["build"], second["build"]], "outputs": len(first["outputs"])}
    row |= {"same image": first["digest"] == second["digest"], "same outputs": first["outputs"] == second["outputs"]}
    record_property("environment", json.dumps(row))
    assert first["digest"] == second["digest"]
    assert first["outputs"] == second["outputs"]
    assert bool(first["outputs"]) == (shape != "REES only")


def _started(
    repository: Path, place: Path, wrapper: list[str], environment: dict[str, str], days: int
) -> "subprocess.Popen[str]":
    """A build at a place of its own, under way."""
    place.mkdir(parents=True)
    copy = place / "repository"
    shutil.copytree(repository, copy, ignore=shutil.ignore_patterns("results", "__pycache__"))
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all"],
        ["commit", "--quiet", "--message=First"],
        ["tag", "v1.0.0"],
    ):
        subprocess.run(["git", "-C", copy, "-c", "core.autocrlf=false", *command], check=True, env=os.environ | GIT)
    command = [*wrapper, sys.executable, str(PROGRAM), str(copy), str(place / "home"), str(days)]
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("tests", "service"))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TAGSTONE_", "PYTEST_"))}
    with (place / "log").open("wb") as log:
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=place,
            env=inherited | environment | {"PYTHONPATH": paths},
        )


def _answer(build: "subprocess.Popen[str]", place: Path) -> dict[str, Any]:
    out, _ = build.communicate(timeout=SECONDS)
    assert build.returncode == 0, (place / "log").read_text(errors="replace")[-4000:]
    answer: dict[str, Any] = json.loads(out)
    return answer
