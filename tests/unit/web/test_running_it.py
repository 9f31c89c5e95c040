"""How anybody runs a record's image, and what its hardware looked like."""

import shlex
from dataclasses import replace

import pytest
import yaml
from fastapi.testclient import TestClient

from fakes import facts as recorded
from fakes.installation import Installation
from tagstone.domain.publications.record import Facts
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.run import Sample
from tagstone.web import hardware_plot, run_yourself
from tagstone.web.place import Place

PLACE = Place("https://records.example.org", serves_images=True)


def ways(facts: Facts, place: Place = PLACE) -> dict[str, list[str]]:
    return {way.id: shlex.split(way.lines) for way in run_yourself.ways(facts, place, bundled=True) if way.id != "kubernetes"}


def with_ports(facts: Facts, *ports: str) -> Facts:
    assert facts.image is not None
    settings = replace(facts.image.image.settings, exposed_ports=ports)
    return replace(facts, image=replace(facts.image, image=replace(facts.image.image, settings=settings)))


def test_each_engine_gets_the_command_as_it_was_run():
    facts = recorded.facts(command=("python3", "a b.py", "$(rm)"))
    assert facts.image is not None
    image = f"records.example.org/{facts.image.image.reference}"
    found = ways(facts)
    assert found["podman"] == ["podman", "run", "--rm", "--network", "none", image, "python3", "a b.py", "$(rm)"]
    assert found["docker"] == ["docker", "run", "--rm", "--network", "none", image, "python3", "a b.py", "$(rm)"]
    assert found["apptainer"][-5:] == ["/workspace", f"docker://{image}", "python3", "a b.py", "$(rm)"]
    assert found["tagstone"] == ["tagstone", "reproduce", "10.5072/tagstone.abc123"]


def test_a_server_without_tls_is_named_to_engines_that_want_it():
    found = ways(recorded.facts(), Place("http://127.0.0.1:8620", serves_images=True))
    assert "--tls-verify=false" in found["podman"]
    assert "--no-https" in found["apptainer"]
    assert "--no-https" not in ways(recorded.facts())["apptainer"]


def test_a_services_ports_are_offered_on_this_machine_alone():
    found = ways(with_ports(recorded.facts(), "8501/tcp", "53/udp", "x/tcp", "99999"))
    assert found["podman"][3:5] == ["-p", "127.0.0.1:8501:8501"]
    assert found["podman"].count("-p") == 1
    assert "none" not in found["podman"]


def test_an_environment_alone_is_entered():
    facts = replace(recorded.facts(), run=None)
    assert ways(facts)["docker"][2:4] == ["--rm", "-it"]
    assert ways(facts)["docker"][-1] == "sh"
    assert "-it" not in ways(with_ports(facts, "8888/tcp"))["docker"]
    assert "tagstone" not in ways(facts)


def test_the_job_asks_for_the_hardware_that_was_asked_for(web: TestClient, installation: Installation):
    facts = recorded.facts(resources=Resources(cpu=1.5, memory=2**30, disk=2**31, time=90, gpu=2), env=(("A", "$(B)"),))
    publication = installation.record({}, facts)
    answer = web.get(f"/records/{publication}/job.yaml")
    assert answer.headers["content-disposition"] == f'attachment; filename="{publication}.yaml"'
    job = yaml.safe_load(answer.text)
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (job["kind"], job["spec"]["backoffLimit"], pod["restartPolicy"], pod["activeDeadlineSeconds"]) == (
        "Job",
        0,
        "Never",
        90,
    )
    assert container["resources"]["limits"] == {
        "cpu": "1.5", "memory": "1073741824", "ephemeral-storage": "2147483648", "nvidia.com/gpu": "2",
    }  # fmt: skip
    assert container["args"] == ["python3", "analysis.py", "--bins", "64"]
    assert container["env"] == [{"name": "A", "value": "$$(B)"}]
    assert pod["automountServiceAccountToken"] is False


def test_where_nobody_offers_the_image_there_is_no_job(browse, installation: Installation):
    publication = installation.record({})
    client = browse("https://example.org", serves_images=False)
    assert client.get(f"/records/{publication}/job.yaml").status_code == 404
    assert "job.yaml" not in client.get(f"/records/{publication}").text


@pytest.mark.parametrize(
    ("wanted", "begin"), [("bibtex", "@software{"), ("ris", "TY  - COMP"), ("csl-json", "["), ("cff", "# The DOI is a test")]
)
def test_a_citation_is_saved_for_reference_managers(web: TestClient, installation: Installation, wanted: str, begin: str):
    publication = installation.record({})
    answer = web.get(f"/records/{publication}/cite/{wanted}")
    assert answer.text.startswith(begin)
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="{publication}.')
    assert f'href="/records/{publication}/cite/{wanted}"' in web.get(f"/records/{publication}").text


@pytest.mark.parametrize("wanted", ["apa", "nonsense", "../x"])
def test_there_are_no_other_citations(web: TestClient, installation: Installation, wanted: str):
    assert web.get(f"/records/{installation.record({})}/cite/{wanted}").status_code == 404


def test_what_changed_between_two_versions_is_a_page(web: TestClient, installation: Installation):
    old = installation.record({"plot.png": b"1"}, id="p" + "1" * 16, version="1.0.0")
    new = installation.record({"plot.png": b"2", "new.csv": b"a,b\n1,2\n"}, id="p" + "2" * 16, version="1.1.0", created_at=2e9)
    assert f'href="/records/{new}/changes/{old}"' in web.get(f"/records/{new}").text
    page = web.get(f"/records/{new}/changes/{old}").text
    assert "new.csv" in page
    assert "plot.png" in page
    assert web.get(f"/records/{new}/changes/p{'9' * 16}").status_code == 404


def test_versions_of_different_projects_are_not_compared(web: TestClient, installation: Installation):
    facts = recorded.facts()
    other = replace(facts.source.project, key="example.org/other")
    first = installation.record({}, id="p" + "1" * 16)
    second = installation.record({}, replace(facts, source=replace(facts.source, project=other)), id="p" + "2" * 16)
    assert web.get(f"/records/{first}/changes/{second}").status_code == 404


def sampled(*samples: Sample) -> Facts:
    facts = recorded.facts()
    assert facts.run is not None
    return replace(facts, run=replace(facts.run, status=replace(facts.run.status, usage=samples)))


def test_what_was_used_is_drawn_with_the_same_in_words(web: TestClient, installation: Installation):
    facts = sampled(Sample(0.0, 0.5, 2**28), Sample(30.0, 1.0, 2**29), Sample(60.0, 0.0, 2**27))
    page = web.get(f"/records/{installation.record({}, facts)}").text
    assert "Processors used over 1 min 0 s: 1 core at most, 0.5 cores on average; 1 core asked for, 1 core granted." in page
    assert "Memory used over 1 min 0 s: 512 MiB at most" in page
    assert page.count('role="img"') == 2
    assert "512 MiB asked for and granted" in page


@pytest.mark.parametrize("samples", [(), (Sample(0.0, 1.0, 1),), (Sample(5.0, 1.0, 1), Sample(5.0, 1.0, 1))])
def test_what_was_not_measured_is_not_drawn(samples: tuple[Sample, ...]):
    run = sampled(*samples).run
    assert run is not None
    assert hardware_plot.plots(run) == []


def levels(asked: float, granted: float) -> tuple[hardware_plot.Level, ...]:
    run = sampled(Sample(0.0, 0.5, 1), Sample(9.0, 1.0, 1)).run
    assert run is not None
    assert run.status.granted is not None
    spec = replace(run.spec, resources=replace(run.spec.resources, cpu=asked))
    status = replace(run.status, granted=replace(run.status.granted, cpu_limit=granted))
    return hardware_plot.plots(replace(run, spec=spec, status=status))[0].levels


@pytest.mark.parametrize(("asked", "granted"), [(4.0, 3.9), (3.9, 4.0)])
def test_words_of_lines_close_to_each_other_stand_side_by_side_above_both(asked: float, granted: float):
    first, second = levels(asked, granted)
    assert (first.left, second.left) == (False, True)
    assert first.words_y == second.words_y < min(first.y, second.y)


def test_words_of_a_line_far_below_stand_above_it():
    first, second = levels(4.0, 1.0)
    assert first.y < second.words_y < second.y


def test_a_limit_as_it_was_asked_for_is_one_line():
    (only,) = levels(2.0, 2.0)
    assert (only.name, only.left) == ("asked for and granted", False)


def test_results_made_elsewhere_are_labelled_wherever_they_stand(web: TestClient, installation: Installation):
    made = recorded.output("table.csv", b"a,b\n1,2\n")
    facts = replace(recorded.facts(), run=None, outputs=(replace(made, brought=True),))
    publication = installation.publication(facts)
    installation.bundle(publication, {"brought/table.csv": b"a,b\n1,2\n"})
    page = web.get(f"/records/{publication}").text
    assert f'href="/records/{publication}/files/brought/table.csv"' in page
    assert page.count("not run by Tagstone") >= 4
    assert "not run by Tagstone" in web.get("/").text


def test_an_environment_alone_says_that_nothing_was_run(web: TestClient, installation: Installation):
    facts = replace(recorded.facts(), run=None, outputs=())
    page = web.get(f"/records/{installation.record({}, facts)}").text
    assert "This is an environment alone" in page
    assert "Hardware" not in page
