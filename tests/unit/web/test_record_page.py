"""The page of one record: what it is, how to cite it, how to run it again, what came out."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from fakes import facts as recorded
from fakes.installation import NOW, Installation
from tagstone.domain.publications.record import Facts
from tagstone.domain.runs.run import Isolation

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
TABLE = b"year,amplitude\n1962,0.17\n1963,0.18\n"


def _sourced(**changes: object) -> Facts:
    facts = recorded.facts()
    return replace(facts, source=replace(facts.source, **changes))  # type: ignore[arg-type]  # passed through


def _ran(**changes: object) -> Facts:
    facts = recorded.facts()
    assert facts.run is not None
    return replace(facts, run=replace(facts.run, status=replace(facts.run.status, **changes)))  # type: ignore[arg-type]  # passed through


def test_it_says_what_the_record_is_and_how_to_cite_it(web: TestClient, installation: Installation):
    citation = recorded.CITATION + "abstract: It wobbles.\nkeywords: [pole, wobble]\n"
    page = web.get(f"/records/{installation.record({}, _sourced(citation=citation))}").text
    for text in (
        "<h1>Wobble",
        "It wobbles.",
        "pole, wobble",
        'href="https://orcid.org/0000-0002-1825-0097"',
        'href="https://spdx.org/licenses/MIT.html"',
        "Lovelace, A. (2026). Wobble (Version 1.0.0)",
        "@software{",
        "10.5072/tagstone.abc123",
    ):
        assert text in page


def test_a_test_identifier_is_marked_and_leads_nowhere(web: TestClient, installation: Installation):
    page = web.get(f"/records/{installation.record({})}").text
    assert "test identifier, not registered" in page
    assert 'href="https://doi.org' not in page


def test_a_registered_identifier_is_a_link(web: TestClient, installation: Installation):
    facts = replace(recorded.facts(), deposit=replace(recorded.deposit(registered=True), doi="10.5281/zenodo.7"))
    page = web.get(f"/records/{installation.record({}, facts)}").text
    assert 'href="https://doi.org/10.5281/zenodo.7"' in page
    assert "not registered" not in page


def test_pictures_are_shown_and_tables_begin_to_be(web: TestClient, installation: Installation):
    publication = installation.record({"results/plot.png": PNG, "results/table.csv": TABLE, "results/raw.bin": b"\0"})
    page = web.get(f"/records/{publication}").text
    assert f'<img src="/records/{publication}/files/outputs/results/plot.png" alt="Output results/plot.png"' in page
    assert '<th scope="col">amplitude</th>' in page
    assert "<td>0.18</td>" in page
    assert page.count("<img ") == 2  # the logo and the plot
    for path, data in (("plot.png", PNG), ("table.csv", TABLE), ("raw.bin", b"\0")):
        assert f'href="/records/{publication}/files/outputs/results/{path}"' in page
        assert f"sha256 {recorded.sha256(data)}" in page


def test_hardware_asked_for_and_granted_stand_side_by_side(web: TestClient, installation: Installation):
    page = web.get(f"/records/{installation.record({})}").text
    assert '<th scope="row">Processors</th><td>1</td><td>1 of 2, Some CPU @ 3 GHz</td>' in page
    assert '<th scope="row">Memory</th><td>512 MiB</td><td>512 MiB, 8 GiB in the machine</td><td>1 MiB at most</td>' in page
    assert "2026-03-01 00:00 UTC" in page


def test_what_was_not_measured_is_a_dash(web: TestClient, installation: Installation):
    page = web.get(f"/records/{installation.record({}, _ran(granted=None, peak_memory=None))}").text
    assert '<th scope="row">Memory</th><td>512 MiB</td><td>–</td><td>–</td>' in page


def test_a_run_that_was_not_isolated_says_so(web: TestClient, installation: Installation):
    assert "not isolated" in web.get(f"/records/{installation.record({}, _ran(isolation=Isolation.NONE))}").text
    assert "not isolated" not in web.get(f"/records/{installation.record({}, id='p' + '1' * 16)}").text


def test_the_image_is_pulled_by_digest_from_this_server(web: TestClient, installation: Installation):
    page = web.get(f"/records/{installation.record({})}").text
    image = f"127.0.0.1:8620/wobble@{recorded.facts().image.image.digest}"  # type: ignore[union-attr]  # the fake has one
    assert f"podman run --rm --tls-verify=false --network none {image} python3 analysis.py --bins 64" in page
    assert f"docker run --rm --network none {image} python3 analysis.py --bins 64" in page
    assert "reproduce.sh" in page


def test_a_server_with_tls_needs_no_exception(browse: Callable[..., TestClient], installation: Installation):
    page = browse("https://records.example.org").get(f"/records/{installation.record({})}").text
    assert "podman run --rm --network none records.example.org/wobble@sha256:" in page


def test_the_registry_that_keeps_the_image_comes_before_this_server(web: TestClient, installation: Installation):
    facts = recorded.facts()
    assert facts.image is not None
    kept = replace(facts, image=replace(facts.image, registry="registry.example.org"))
    page = web.get(f"/records/{installation.record({}, kept)}").text
    assert "podman run --rm --network none registry.example.org/wobble@sha256:" in page


@pytest.mark.parametrize(("url", "serves"), [("https://example.org/tagstone", True), ("https://example.org", False)])
def test_without_images_to_pull_the_bundle_is_the_way(
    browse: Callable[..., TestClient], installation: Installation, url: str, serves: bool
):
    publication = installation.record({})
    page = browse(url, serves_images=serves).get(f"/records/{publication}").text
    assert "podman run" not in page
    assert f"sh {publication}/reproduce.sh" in page


def test_links_begin_with_the_path_that_the_server_is_reached_under(
    browse: Callable[..., TestClient], installation: Installation
):
    publication = installation.record({"plot.png": PNG})
    page = browse("https://example.org/tagstone/").get(f"/records/{publication}").text
    assert f'src="/tagstone/records/{publication}/files/outputs/plot.png"' in page
    assert 'href="/tagstone/static/style.css?v=' in page
    assert 'href="/records' not in page


def test_versions_of_the_series_are_listed_and_an_old_one_points_to_the_newest(web: TestClient, installation: Installation):
    old = installation.record({}, id="p" + "1" * 16, version="1.0.0", created_at=NOW - 100)
    new = installation.record({}, id="p" + "2" * 16, version="1.1.0", created_at=NOW - 50)
    installation.record({}, id="p" + "3" * 16, version="1.2.0", state="failed")
    page = web.get(f"/records/{old}").text
    assert f'There is a newer version: <a href="/records/{new}">1.1.0</a>' in page
    assert "1.2.0" not in page
    assert "newer version" not in web.get(f"/records/{new}").text


def test_what_is_not_published_leads_to_where_it_stands(web: TestClient, installation: Installation):
    publication = installation.publication(state="working", step="run")
    answer = web.get(f"/records/{publication}")
    assert (answer.status_code, answer.headers["location"]) == (302, f"/publications/{publication}")


def test_a_rehearsal_shows_what_the_record_would_be_and_is_not_cited(web: TestClient, installation: Installation):
    publication = installation.record({"plot.png": PNG}, recorded.rehearsal(), kind="rehearsal", state="rehearsed")
    page = web.get(f"/records/{publication}").text
    assert "It has no DOI and cannot be cited" in page
    assert "How to cite it" not in page
    assert "files/outputs/plot.png" in page


def test_a_record_whose_bundle_is_gone_still_says_what_it_was(web: TestClient, installation: Installation):
    page = web.get(f"/records/{installation.publication()}").text
    assert "The bundle is not on this machine any more" in page
    assert "results/plot.png" in page
    assert "<img src" in page  # the logo
    assert "/files/" not in page


def test_thousands_of_outputs_do_not_make_a_page_of_thousands(web: TestClient, installation: Installation):
    outputs = tuple(recorded.output(f"results/{number:04}.png", b"x") for number in range(600))
    publication = installation.publication(replace(recorded.facts(), outputs=outputs))
    installation.bundle(publication, {f"outputs/{output.path}": b"x" for output in outputs})
    page = web.get(f"/records/{publication}").text
    assert "And 400 more, all in" in page
    assert page.count("<img ") == 13
    assert len(page) < 300_000


def test_the_log_ends_the_story_of_the_run(web: TestClient, installation: Installation):
    publication = installation.record({})
    page = web.get(f"/records/{publication}").text
    assert "it ran" in page
    assert f'href="/records/{publication}/files/logs/run.log"' in page


def test_an_image_that_the_deposit_leaves_out_is_said_to_be_where_it_is(web: TestClient, installation: Installation):
    facts = recorded.facts()
    assert facts.image is not None
    left_out = replace(facts, image=replace(facts.image, registry="registry.example/keep", bundled=False))
    page = web.get(f"/records/{installation.record({'results/table.csv': TABLE}, left_out)}").text
    assert f"it is kept at <code>registry.example/keep/{facts.image.image.reference}</code>" in page
    assert "an RO-Crate with the code, the outputs" in page


def test_an_image_in_the_bundle_is_not_said_to_be_elsewhere(web: TestClient, installation: Installation):
    page = web.get(f"/records/{installation.record({'results/table.csv': TABLE})}").text
    assert "it is kept at" not in page
    assert "an RO-Crate with the code, the image, the outputs" in page


def test_every_run_of_a_matrix_has_a_line_with_its_values_outcome_and_hardware(web: TestClient, installation: Installation):
    facts = recorded.of_matrix(recorded.facts(), {"north": ("fit", "north"), "<b>south</b>": ("fit", "south")})
    page = web.get(f"/records/{installation.record({}, facts)}").text
    assert "2 runs, one for each combination of values" in page
    assert '<th scope="col">field</th>' in page
    assert "<td><span>north</span></td>" in page
    assert "<td><span>&lt;b&gt;south&lt;/b&gt;</span></td>" in page
    assert "1 of 2, Some CPU @ 3 GHz, 512 MiB, 8 GiB in the machine" in page
    assert "<code>1-field=north/</code>" in page
