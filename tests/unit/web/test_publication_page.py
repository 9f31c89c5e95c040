"""Where a publication stands, under way or failed, with its logs."""

import pytest
from fastapi.testclient import TestClient

from fakes.installation import Installation
from tagstone.domain.publications.publication import Step


def test_steps_stand_in_their_order_with_times_and_what_is_still_to_come(web: TestClient, installation: Installation):
    publication = installation.publication(state="working", step="build", finished_at=None)
    installation.step(publication, Step.BUILD, "started", tries=2)
    installation.step(publication, Step.RESOLVE, "done")
    page = web.get(f"/publications/{publication}").text
    assert (
        page.index("Resolve the tag")
        < page.index("Build the image")
        < page.index("Run the analysis")
        < page.index("Confirm that")
    )
    assert "1 min 30 s, since" in page  # done
    assert "10 min 0 s, since" in page  # still going
    assert "started, 2 tries" in page
    assert page.count('<li class="pending">') == 8


def test_a_rehearsal_has_no_steps_of_a_depository(web: TestClient, installation: Installation):
    page = web.get(f"/publications/{installation.publication(kind='rehearsal', state='working')}").text
    assert "Reserve the DOI" not in page
    assert "Bundle everything" in page


def test_a_failure_says_what_went_wrong_and_what_to_do(web: TestClient, installation: Installation):
    publication = installation.publication(
        state="failed", error="Line 30\n  broke", remedy="Mend it; `tagstone retry` goes on."
    )
    page = web.get(f"/publications/{publication}").text
    assert "What went wrong" in page
    assert "Line 30\n  broke" in page
    assert "Mend it; <code>tagstone retry</code> goes on." in page


def test_a_publication_that_waits_says_for_what(web: TestClient, installation: Installation):
    assert (
        "waits for v0.9" in web.get(f"/publications/{installation.publication(state='queued', waiting='waits for v0.9')}").text
    )


def test_the_page_looks_again_by_itself_only_when_asked_and_only_while_something_may_change(
    web: TestClient, installation: Installation
):
    refresh = '<meta http-equiv="refresh"'
    working = installation.publication(state="working", id="p" + "1" * 16)
    done = installation.publication(id="p" + "2" * 16)
    assert refresh not in web.get(f"/publications/{working}").text
    assert refresh in web.get(f"/publications/{working}?follow=true").text
    assert refresh not in web.get(f"/publications/{done}?follow=true").text


def test_a_done_publication_leads_to_its_record(web: TestClient, installation: Installation):
    publication = installation.publication()
    assert f'href="/records/{publication}">See the record</a>' in web.get(f"/publications/{publication}").text


def test_logs_show_their_end_and_are_whole_behind_a_link(web: TestClient, installation: Installation):
    publication = installation.publication(state="failed")
    installation.log(publication, "build-1", [b"first\n"])
    installation.log(publication, "build-2", [b"second\n"])
    installation.log(publication, "run-1", [b"line %06d\n" % number * 10 for number in range(500)], ended=False)
    page = web.get(f"/publications/{publication}").text
    assert "second" in page
    assert "first" not in page
    assert "line 000499" in page
    assert "line 000000" not in page
    assert "so far" in page
    whole = web.get(f"/publications/{publication}/logs/run-1")
    assert whole.text.count("\n") == 5000
    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    assert whole.headers["content-security-policy"].startswith("sandbox")


@pytest.mark.parametrize("source", ["run-9", "nothing", "..%2f..", "run"])
def test_a_log_that_was_never_begun_is_not_found(web: TestClient, installation: Installation, source: str):
    assert web.get(f"/publications/{installation.publication()}/logs/{source}").status_code == 404


def test_all_publications_are_listed_or_those_of_one_state(web: TestClient, installation: Installation):
    installation.publication(id="p" + "1" * 16, title="Good one")
    installation.publication(id="p" + "2" * 16, title="Bad one", state="failed", step="run")
    installation.publication(id="r" + "3" * 16, title="Try-out", kind="rehearsal", state="rehearsed")
    everything, failed = web.get("/publications").text, web.get("/publications?state=failed").text
    assert all(title in everything for title in ("Good one", "Bad one", "Try-out"))
    assert "Bad one" in failed
    assert "Good one" not in failed
    assert "There are no such publications" in web.get("/publications?state=cancelled").text
    assert web.get("/publications?state=nonsense").status_code == 404


def test_nothing_asked_for_yet_is_said_so(web: TestClient):
    assert "Nobody asked for a publication yet" in web.get("/publications").text


def test_runs_of_a_matrix_show_their_logs_while_they_are_under_way(web: TestClient, installation: Installation):
    publication = installation.publication(None, state="working")
    installation.log(publication, "run-1", [b"=== run 1 ===\nended\n"], ended=False)
    installation.log(publication, "run.1-1", [b"ended\n"])
    installation.log(publication, "run.2-1", [b"half way\n"], ended=False)
    page = web.get(f"/publications/{publication}").text
    assert "Log of run 2" in page
    assert "half way" in page
    assert "Log of run 1" not in page
    assert web.get(f"/publications/{publication}/logs/run.2-1").text == "half way\n"
