"""A matrix on a real engine: published with all of its runs, described as others expect it, and run again whole."""

import json
from pathlib import Path

import pytest

from fakes.small_project import CITATION, commit, git
from rigs.crate_validator import AN_AUTHOR_WITHOUT_AFFILIATION, CODE_THAT_IS_NOWHERE, validated
from servers.bases import busybox_base
from tagstone.adapters.oci_layout import OciLayout

pytestmark = pytest.mark.engines

MANIFEST = """\
environment: {base: "busybox:test"}
run:
  command: [sh, analysis.sh, "{seed}", "{field}"]
  matrix: {seed: [1, 2], field: [north, "the south"]}
  parallel: 2
  resources: {cpu: 1, memory: 64Mi, time: 2m, disk: 100Mi}
outputs: [results/*]
"""
ANALYSIS = """\
set -e
mkdir results
echo "looking at the seed $1 in $2"
echo "$1 $2" > results/said.txt
"""
BY_CHANCE = '[ "$1 $2" != "2 north" ] || cat /proc/sys/kernel/random/uuid >> results/said.txt\n'
SAID = {
    "1-seed=1-field=north": "1 north\n",
    "2-seed=1-field=the_south": "1 the south\n",
    "3-seed=2-field=north": "2 north\n",
    "4-seed=2-field=the_south": "2 the south\n",
}
PATHS = [f"{folder}/results/said.txt" for folder in SAID]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repositories") / "counting"
    folder.mkdir()
    for name, text in {"tagstone.yml": MANIFEST, "CITATION.cff": CITATION, "analysis.sh": ANALYSIS}.items():
        (folder / name).write_text(text)
    git(folder, "init", "--quiet")
    commit(folder, "v1.0.0")
    return folder


@pytest.fixture(scope="module")
def published(empty, repository):
    """What `publish` printed."""
    busybox_base(OciLayout(empty.home / "images", 5.0))
    return empty.json("publish", str(repository), "--tag", "v1.0.0")


def test_every_combination_is_run_and_leaves_a_folder_of_its_own(published):
    assert published["state"] == "published"
    assert [(run["values"], run["outcome"]) for run in published["runs"]] == [
        ({"seed": seed, "field": field}, "succeeded") for seed in ("1", "2") for field in ("north", "the south")
    ]
    outputs = Path(published["bundle"]) / "outputs"
    assert {path.parts[-3]: path.read_text() for path in outputs.glob("*/results/said.txt")} == SAID


def test_its_crate_lacks_only_what_nobody_knows(published):
    answer = validated(Path(published["bundle"]))
    assert answer["checks"]
    assert {issue["message"] for issue in answer["issues"]} == AN_AUTHOR_WITHOUT_AFFILIATION | CODE_THAT_IS_NOWHERE


def test_all_combinations_are_repeated_and_every_output_is_identical(empty, published):
    done = empty("reproduce", published["doi"], "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "publication": published["publication"],
        "result": "identical",
        "same": PATHS,
        "changes": [],
    }
    said = [line.strip(" |") for line in done.stderr.splitlines() if "looking at" in line or "===" in line]
    assert [line for line in said if "looking at" in line] == [
        f"looking at the seed {seed} in {field}" for seed in (1, 2) for field in ("north", "the south")
    ]
    assert [line for line in said if "===" in line] == [f"=== {folder}/ ===" for folder in SAID]


def test_a_combination_that_does_not_repeat_itself_is_named_alone(empty, repository, published):
    (repository / "analysis.sh").write_text(ANALYSIS + BY_CHANCE)
    commit(repository, "v1.1.0")
    chance = empty.json("publish", str(repository), "--tag", "v1.1.0")
    done = empty("reproduce", chance["publication"], "--json")
    assert done.returncode == 10, done.stderr
    answer = json.loads(done.stdout)
    assert answer["result"] == "different"
    assert [change["path"] for change in answer["changes"]] == ["3-seed=2-field=north/results/said.txt"]
    assert answer["same"] == [path for path in PATHS if not path.startswith("3-")]
