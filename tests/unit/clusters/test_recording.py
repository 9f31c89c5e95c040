"""What a record says of a run on a cluster: where it was, what was granted there, and whether its network was really kept from it."""

from dataclasses import replace
from pathlib import Path

import pytest

from fakes import facts as recorded
from tagstone.adapters.kubernetes.tried import GOOD_FOR, enforced, remember
from tagstone.bundle.crate_run import run_entities
from tagstone.cli.card import asked, granted
from tagstone.domain.publications.record import Facts, RunFacts, dump, load
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.hardware_table import rows


def on_a_cluster(*, held: bool | None = None, network: bool = False) -> RunFacts:
    run = recorded.facts(resources=Resources(memory=2**29, gpu=1, gpu_type="a100", profile="gpu-a100")).run
    assert run is not None
    assert run.status.granted is not None
    granted = replace(
        run.status.granted,
        gpus=("NVIDIA A100-SXM4-40GB",),
        gpu_driver="550.54",
        node="n-17",
        image_id=f"registry.example.org/wobble@sha256:{'e' * 64}",
        qos="Burstable",
    )
    status = replace(run.status, granted=granted, cluster="dahlem", engine="Kubernetes v1.31.0", network_held=held)
    return replace(run, spec=replace(run.spec, network=network), status=status, runner="kubernetes")


def table(run: RunFacts) -> dict[str, tuple[str, str]]:
    return {row.name: (row.asked, row.granted) for row in rows(run)}


def facts(run: RunFacts) -> Facts:
    return replace(recorded.facts(), run=run)


def test_the_table_says_where_it_ran_and_on_what():
    found = table(on_a_cluster())
    assert found["GPU"] == ("1 × a100", "NVIDIA A100-SXM4-40GB")
    assert found["Profile"] == ("gpu-a100", "")
    assert [found[name][1] for name in ("GPU driver", "Cluster", "Node", "Class of service")] == [
        "550.54", "dahlem", "n-17", "Burstable",
    ]  # fmt: skip
    assert found["Image as run"][1].endswith("@sha256:" + "e" * 64)


def test_a_run_on_this_machine_has_no_such_lines():
    run = recorded.facts().run
    assert run is not None
    assert {"Cluster", "Node", "Profile", "GPU driver"} & table(run).keys() == set()
    assert table(run)["Network"] == ("none", "none")


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (True, "none"),
        (False, "the cluster keeps nobody from it"),
        (None, "not known whether the cluster keeps it away"),
    ],
)
def test_no_network_is_only_said_where_it_was_tried(held: bool | None, said: str):
    assert table(on_a_cluster(held=held))["Network"] == ("none", said)
    assert table(on_a_cluster(held=held, network=True))["Network"] == ("yes", "yes")


def test_all_of_it_is_in_the_record_and_comes_back_from_it():
    made = facts(on_a_cluster(held=False))
    assert load(dump(made)) == made


def test_the_bundle_s_metadata_names_it():
    run = on_a_cluster(held=False)
    said = {entity.get("name"): entity.get("value") for entity in run_entities(facts(run), run, {"@id": "#somebody"}, [], [])}
    named = ("profile", "cluster", "node", "gpu_driver", "qos", "network_held")
    assert [said[name] for name in named] == ["gpu-a100", "dahlem", "n-17", "550.54", "Burstable", "no"]


def test_what_a_probe_found_is_kept_for_the_next_run(tmp_path: Path):
    file = tmp_path / "clusters" / "dahlem.json"
    assert enforced(file, 1.0) is None
    for found in (True, False, None):
        remember(file, 1.0, enforced=found)
        assert enforced(file, 2.0) is found


@pytest.mark.parametrize("found", [True, False])
def test_what_a_probe_found_counts_for_thirty_days(tmp_path: Path, found: bool):
    file = tmp_path / "dahlem.json"
    remember(file, 1.0, enforced=found)
    assert GOOD_FOR == 30 * 24 * 3600
    assert enforced(file, 1.0 + GOOD_FOR) is found
    assert enforced(file, 2.0 + GOOD_FOR) is None


@pytest.mark.parametrize(
    "text", ["", "[]", '{"enforced": "yes", "at": 1}', '{"enforced": true}', '{"enforced": true, "at": "today"}', "{"]
)
def test_a_broken_note_is_none(tmp_path: Path, text: str):
    file = tmp_path / "note.json"
    file.write_text(text)
    assert enforced(file, 1.0) is None


def test_a_card_says_which_cluster_and_node():
    run = on_a_cluster()
    assert run.status.granted is not None
    assert granted(run.status.granted).endswith(
        "NVIDIA A100-SXM4-40GB, GPU driver 550.54, node n-17, class of service Burstable"
    )
    assert asked(run.spec.resources).endswith("1 GPU a100, profile gpu-a100")
