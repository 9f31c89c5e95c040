"""check."""

import hashlib

import pytest

from fakes import facts as recorded
from fakes.kubernetes.server import running_kubernetes
from tagstone.domain.publications import record
from tagstone.settings import ClusterSettings, Runs
from tagstone.store import publications

MANIFEST = (
    "environment: {base: 'debian:bookworm', apt: [python3]}\nrun: {command: [python3, analysis.py]}\noutputs: ['*.png']\n"
)


CONTENT = b"a,b\n"


@pytest.fixture
def described(tmp_path, repository):
    """The repository with a manifest and a citation that are right."""
    folder = tmp_path / "wobble"
    (folder / "tagstone.yml").write_text(MANIFEST)
    (folder / "CITATION.cff").write_text(recorded.CITATION)
    return folder


def test_a_repository_without_description_has_a_fault_for_each_missing_file(tagstone, repository):
    done = tagstone("check", repository)
    assert done.exit_code == 3
    assert "error: tagstone.yml: There is no manifest." in done.stdout
    assert "error: CITATION.cff: There is no citation." in done.stdout


def test_a_good_repository_passes_though_it_is_not_committed(tagstone, described):
    done = tagstone("check", str(described))
    assert (done.exit_code, "not committed" in done.stdout) == (0, True)


def test_all_faults_come_at_once_with_line_and_remedy(tagstone, described):
    (described / "tagstone.yml").write_text(MANIFEST + "ouputs: []\n")
    (described / "CITATION.cff").write_text("title: 3\n")
    told = tagstone.json("check", str(described))
    assert told["ok"] is False
    assert {fault["file"] for fault in told["faults"]} >= {"tagstone.yml", "CITATION.cff"}
    assert any(fault["line"] == 4 and "outputs" in fault["message"] + fault["remedy"] for fault in told["faults"])


def test_one_citation_file_is_judged_alone(tagstone, tmp_path):
    file = tmp_path / "CITATION.cff"
    file.write_text(recorded.CITATION)
    assert tagstone("check", "--citation", str(file)).exit_code == 0
    file.write_text("title: 3\n")
    assert tagstone("check", "--citation", str(file)).exit_code == 3
    assert tagstone("check", "--citation", str(tmp_path / "none.cff")).exit_code == 4


def test_the_lock_is_offered_once_an_image_was_built(tagstone, described, installation):
    assert tagstone("check", str(described), "--fix").exit_code == 4
    told = tagstone.json("rehearse", str(described))
    with installation.sessions.write() as session:
        publications.get(session, told["publication"]).facts = record.dump(recorded.rehearsal()).decode()
    done = tagstone("check", str(described), "--fix")
    assert (done.exit_code, "is written: commit it" in done.stdout) == (0, True)
    assert '"python3": "3.11.2-1"' in (described / "tagstone.lock").read_text()
    assert tagstone.json("check", str(described), "--fix")["lock_changed"] is False


@pytest.mark.parametrize("arguments", [["--fix", "--ref", "main"], ["--citation", "x", "--fix"]])
def test_options_that_contradict_each_other_are_a_usage_error(tagstone, repository, arguments):
    assert tagstone("check", repository, *arguments).exit_code == 2


def test_names_in_faults_are_shown_not_obeyed(tagstone, described):
    (described / "a\x1b[31mb").write_text("x")
    assert "\x1b" not in tagstone("check", str(described)).output


def test_checksums_of_inputs_are_fetched_and_written(tagstone, described, tmp_path):
    (described / "raw.csv").write_bytes(CONTENT)
    (described / "tagstone.yml").write_text(
        MANIFEST
        + "inputs:\n  - {from: raw.csv, to: a.csv, licence: MIT}  # mine\n  - {from: none.csv, to: b.csv, licence: MIT}\n"
    )
    done = tagstone("check", str(described), "--fix")
    assert done.exit_code == 3  # of the second input nothing could be found out
    text = (described / "tagstone.yml").read_text()
    assert f"licence: MIT, sha256: {hashlib.sha256(CONTENT).hexdigest()}}}  # mine\n" in text
    assert "a.csv: 4 " in done.stderr
    assert "There is no file none.csv" in done.stderr
    assert "input a.csv" not in done.stdout
    assert "The input b.csv has no sha256" in done.stdout
    told = tagstone.json("check", str(described), "--fix")
    assert [(one["to"], one["error"] is None) for one in told["inputs"]] == [("b.csv", False)]


@pytest.fixture
def clustered(tagstone, tmp_path):
    """A site whose runs go to a cluster of one node."""
    with running_kubernetes(tmp_path / "cluster") as cluster:
        cluster.idle = True
        cluster.namespace("runs")
        cluster.node("only")
        here = ClusterSettings(
            kubeconfig=cluster.kubeconfig,
            namespace="runs",
            desk="http://192.0.2.7/desk",
            helper=f"r.test/pod@sha256:{'a' * 64}",
        )
        runs = Runs(engine="kubernetes")
        settings = tagstone.application.settings.model_copy(update={"clusters": {"here": here}, "runs": runs})
        tagstone.application.settings = settings
        yield cluster
        tagstone.application.clusters.connections["here"].close()


def test_a_cluster_is_asked_whether_it_could_run_it(tagstone, described, clustered):
    told = tagstone.json("check", str(described), "--cluster")
    assert (told["ok"], told["cluster"]["name"], told["cluster"]["fit"]["able"]) == (True, "here", ["only"])
    assert "cluster here: 1 of 1 nodes could take it." in tagstone("check", str(described), "--cluster").stdout


def test_what_no_node_has_is_refused_with_what_would_fit(tagstone, described, clustered):
    (described / "tagstone.yml").write_text(MANIFEST.replace("analysis.py]", "analysis.py], resources: {gpu: 1}"))
    done = tagstone("check", str(described), "--cluster")
    assert done.exit_code == 3
    assert "The nearest is only: 1 nvidia.com/gpu asked for" in done.stdout
    assert "Ask for at most gpu: 0 (run: resources)." in done.stdout
    assert tagstone("check", str(described)).exit_code == 0
    assert clustered.all("jobs") == []


def test_a_profile_that_the_site_has_not_is_a_fault_on_its_line(tagstone, described, clustered):
    (described / "tagstone.yml").write_text(MANIFEST.replace("analysis.py]", "analysis.py], resources: {profile: gpu-a100}"))
    told = tagstone.json("check", str(described))
    assert [(fault["line"], fault["message"]) for fault in told["faults"] if fault["severity"] == "error"] == [
        (2, "This cluster has no profile 'gpu-a100'.")
    ]


def test_a_site_without_a_cluster_cannot_ask_one(tagstone, described):
    done = tagstone("check", str(described), "--cluster")
    assert (done.exit_code, "This site has no cluster." in done.stdout) == (3, True)
