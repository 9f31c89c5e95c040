"""The page of a failure: in plain words what happened, the line of the log to read, and what to do."""

import pytest
from fastapi.testclient import TestClient

from fakes.installation import Installation
from tagstone.domain.publications.publication import Step
from tagstone.web.failure import telling_line

PIP = b'Collecting scipy==1.99\nERROR: No matching distribution found for scipy==1.99\nError: building at STEP "RUN pip": exit status 1\n'


def failed(installation: Installation, kind: str, step: Step, log: bytes = b"", wanted: str = "p" + "0" * 16) -> str:
    publication = installation.publication(
        id=wanted, state="failed", step=step, error="It broke.", error_kind=kind, remedy="Mend it."
    )
    installation.step(publication, step, "failed", detail="It broke.")
    if log:
        installation.log(publication, f"{step}-1", [log])
    return publication


@pytest.mark.parametrize(
    ("kind", "step", "title", "hint"),
    [
        ("out-of-memory", Step.RUN, "It ran out of memory", "run: resources: memory"),
        ("time-limit", Step.RUN, "It ran out of time", "run: resources: time"),
        ("disk-limit", Step.RUN, "It filled its disk", "run: resources: disk"),
        ("failed", Step.RUN, "The analysis ended with an error", "tagstone rehearse"),
        ("unschedulable", Step.RUN, "The cluster has no room for it", "tagstone check --cluster"),
        ("refused", Step.RUN, "The cluster would not take it", "a quota, a limit"),
        ("hardware", Step.RUN, "It did not get the hardware it asked for", "less than"),
        ("disrupted", Step.RUN, "What it ran on was taken away", "did nothing wrong"),
        ("permanent", Step.BUILD, "The image could not be built", "likely line"),
        ("invalid", Step.RESOLVE, "The repository needs a correction", "tagstone check"),
        ("temporary", Step.UPLOAD, "Something outside did not answer", "taken up where it stopped"),
        ("tagstoneerror", Step.BUNDLE, "Tagstone itself broke", "defect of the service"),
        ("something new", Step.CONFIRM, "It could not be published", "tagstone retry"),
    ],
)
def test_each_kind_of_failure_is_said_in_plain_words(
    web: TestClient, installation: Installation, kind: str, step: Step, title: str, hint: str
):
    page = web.get(f"/publications/{failed(installation, kind, step)}").text
    assert f'<h2 id="problem">{title}</h2>' in page
    assert hint in page
    assert "Mend it." in page
    assert "tagstone retry p" in page


def test_who_has_to_change_something_is_told_to_tag_anew_and_who_has_not_is_not(web: TestClient, installation: Installation):
    ours = web.get(f"/publications/{failed(installation, 'failed', Step.RUN, wanted='p' + '1' * 16)}").text
    assert "tag the new commit" in ours
    outside = web.get(f"/publications/{failed(installation, 'temporary', Step.UPLOAD)}").text
    assert "tag the new commit" not in outside


def test_the_likely_line_of_the_failed_steps_log_is_marked(web: TestClient, installation: Installation):
    page = web.get(f"/publications/{failed(installation, 'permanent', Step.BUILD, PIP)}").text
    assert "<mark>ERROR: No matching distribution found for scipy==1.99</mark>" in page


@pytest.mark.parametrize(
    ("log", "telling"),
    [
        (["a", "Traceback (most recent call last):", "  File x", "ModuleNotFoundError: No module named 'numpy'", "bye"], 3),
        (["astropy.io.fits.VerifyError: bad", "more"], 0),
        (["E: Unable to locate package libfoo", "E: done", "exit code 100"], 1),
        (["cc -c a.c", "a.c:3:10: fatal error: fftw3.h: No such file or directory", "make: *** [a.o] Error 1"], 1),
        (["Error in library(fitdistrplus) : there is no package", "Execution halted"], 0),
        (["step 1", "Killed"], 1),
        (["all is well", "really"], None),
        ([], None),
    ],
)
def test_the_line_that_tells_most_is_found(log: list[str], telling: int | None):
    assert telling_line(log) == telling


def test_what_was_cancelled_is_no_failure(web: TestClient, installation: Installation):
    publication = installation.publication(
        state="cancelled", error="It was cancelled.", remedy="`tagstone retry` takes it up again."
    )
    page = web.get(f"/publications/{publication}").text
    assert "How it ended" in page
    assert "What went wrong" not in page


def test_a_publication_that_waits_for_a_person_says_how_to_approve_it(web: TestClient, installation: Installation):
    publication = installation.publication(state="working", step="review", waiting="waits for approval")
    installation.step(publication, Step.REVIEW, "waiting")
    assert f"tagstone approve {publication}" in web.get(f"/publications/{publication}").text
