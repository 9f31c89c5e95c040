"""What communities, owners and readers do with deposits, at the fake and at a real InvenioRDM."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests

from contract.depository.conftest import at_inveniordm
from fakes.depository import Both, FakeDepository
from servers.inveniordm.server import InvenioRDM
from tagstone.domain.deposits.deposit import Access, Deposit, DepositMetadata, DepositState
from tagstone.errors import Conflict, Forbidden, Invalid, NotFound

Metadata = Callable[[str], DepositMetadata]
REAL = pytest.param("inveniordm", marks=pytest.mark.inveniordm)


@dataclass(frozen=True)
class Reviewed:
    """A depository with a community whose curators decide when `decide` is called."""

    depository: Both
    community: str
    decide: Callable[[str, bool], None]


def curators(server: InvenioRDM) -> Callable[[str, bool], None]:
    api = f"{server.url}/api"
    ours, theirs = ({"Authorization": f"Bearer {person.token}"} for person in (server.owner, server.curator))

    def decide(deposit_id: str, accept: bool) -> None:
        draft = requests.get(f"{api}/records/{deposit_id}/draft", headers=ours, timeout=60).json()
        action = "accept" if accept else "decline"
        request = draft["parent"]["review"]["id"]
        requests.post(f"{api}/requests/{request}/actions/{action}", headers=theirs, timeout=60).raise_for_status()

    return decide


@pytest.fixture(params=["fake", REAL])
def reviewed(request: pytest.FixtureRequest, tmp_path: Path) -> Reviewed:
    if request.param == "inveniordm":
        server: InvenioRDM = request.getfixturevalue("inveniordm")
        return Reviewed(at_inveniordm(server.url, server.owner.token), server.slug, curators(server))
    fake = FakeDepository(tmp_path)
    return Reviewed(fake, "geophysics", lambda deposit_id, accept: fake.curate(deposit_id, accept=accept))


def submitted(reviewed: Reviewed, metadata: DepositMetadata, series: str | None = None) -> Deposit:
    draft = reviewed.depository.draft(metadata, series, lost=False)
    reviewed.depository.reserve(draft.id)
    reviewed.depository.upload(draft.id, "README.md", io.BytesIO(b"hello"), 5)
    reviewed.depository.submit(draft.id, reviewed.community)
    return reviewed.depository.find(draft.id)


def test_a_community_that_accepts_a_draft_publishes_it(reviewed: Reviewed, metadata: Metadata):
    draft = submitted(reviewed, metadata("p1"))
    assert draft.state is DepositState.SUBMITTED
    reviewed.depository.submit(draft.id, reviewed.community)  # the same question
    reviewed.decide(draft.id, True)
    record = reviewed.depository.find(draft.id)
    assert (record.state, record.doi) == (DepositState.PUBLISHED, draft.doi)
    with pytest.raises(Conflict):
        reviewed.depository.submit(draft.id, reviewed.community)


def test_a_draft_that_a_community_declined_may_change_and_be_submitted_again(reviewed: Reviewed, metadata: Metadata):
    draft = submitted(reviewed, metadata("p1"))
    reviewed.decide(draft.id, False)
    declined = reviewed.depository.find(draft.id)
    assert declined == replace(draft, state=DepositState.DECLINED)
    reviewed.depository.describe(draft.id, metadata("p1"))
    reviewed.depository.submit(draft.id, reviewed.community)
    assert reviewed.depository.find(draft.id).state is DepositState.SUBMITTED


def test_a_community_judges_a_series_by_its_first_version(reviewed: Reviewed, metadata: Metadata):
    first = submitted(reviewed, metadata("p1"))
    reviewed.decide(first.id, True)
    second = submitted(reviewed, metadata("p2"), first.series)
    assert (second.state, second.version_index) == (DepositState.PUBLISHED, 2)


def test_a_submitted_draft_is_found_and_can_be_discarded(reviewed: Reviewed, metadata: Metadata):
    draft = submitted(reviewed, metadata("p1"))
    assert reviewed.depository.draft(metadata("p1"), None) == draft
    reviewed.depository.discard(draft.id)
    assert reviewed.depository.find(draft.id).state is DepositState.MISSING


def test_nothing_is_submitted_where_there_is_nothing(reviewed: Reviewed):
    with pytest.raises(NotFound):
        reviewed.depository.submit("nothing", reviewed.community)


@pytest.mark.inveniordm
def test_what_would_be_refused_is_said_before_anything_is_made(inveniordm: InvenioRDM, metadata: Metadata):
    depository = at_inveniordm(inveniordm.url, inveniordm.owner.token)
    good = metadata("p1")
    assert depository.faults(replace(good, community=inveniordm.slug)) == ()
    assert "no community" in depository.faults(replace(good, community="no-such"))[0]
    assert "restricted" in depository.faults(replace(good, access=Access.RESTRICTED))[0]
    assert "token" in at_inveniordm(inveniordm.url, "nonsense").faults(good)[0]
    with pytest.raises(Invalid):
        depository.submit(depository.draft(good, None, lost=False).id, "no-such")


@pytest.mark.inveniordm
def test_another_persons_deposits_are_none_of_ours(inveniordm: InvenioRDM, metadata: Metadata):
    ours, theirs = (at_inveniordm(inveniordm.url, person.token) for person in (inveniordm.owner, inveniordm.other))
    draft = ours.draft(metadata("p1"), None, lost=False)
    ours.upload(draft.id, "x", io.BytesIO(b"x"), 1)
    for call in (theirs.find, theirs.reserve, theirs.list, theirs.publish, theirs.discard):
        with pytest.raises(Forbidden):
            call(draft.id)
    ours.publish(draft.id)
    assert theirs.find(draft.id).state is DepositState.PUBLISHED
    with pytest.raises(Forbidden):
        theirs.latest(draft.series)
    with pytest.raises(Forbidden):
        theirs.draft(metadata("p2"), draft.series)


@pytest.mark.inveniordm
def test_a_draft_that_somebody_began_by_hand_is_taken_over(inveniordm: InvenioRDM, metadata: Metadata):
    depository = at_inveniordm(inveniordm.url, inveniordm.owner.token)
    first = depository.draft(metadata("p1"), None, lost=False)
    depository.upload(first.id, "x", io.BytesIO(b"x"), 1)
    depository.publish(first.id)
    headers = {"Authorization": f"Bearer {inveniordm.owner.token}"}
    begun = requests.post(f"{inveniordm.url}/api/records/{first.id}/versions", headers=headers, timeout=60).json()
    draft = depository.draft(metadata("p2"), first.series)
    assert (draft.id, draft.version_index) == (begun["id"], 2)
    assert depository.draft(metadata("p2"), first.series) == draft


@pytest.mark.inveniordm
def test_a_withdrawal_leaves_a_tombstone(inveniordm: InvenioRDM, metadata: Metadata):
    depository = at_inveniordm(inveniordm.url, inveniordm.owner.token)
    draft = depository.draft(metadata("p1"), None, lost=False)
    with pytest.raises(Conflict):
        depository.withdraw(draft.id, "It is wrong.")
    depository.upload(draft.id, "x", io.BytesIO(b"x"), 1)
    depository.publish(draft.id)
    for _ in range(2):
        depository.withdraw(draft.id, "It is wrong.")
    assert depository.find(draft.id).state is DepositState.WITHDRAWN
    with pytest.raises(Conflict):
        depository.discard(draft.id)


@pytest.mark.inveniordm
def test_the_readme_is_what_a_records_page_shows(inveniordm: InvenioRDM, metadata: Metadata):
    depository = at_inveniordm(inveniordm.url, inveniordm.owner.token)
    draft = depository.draft(metadata("p1"), None, lost=False)
    for name in ("a.txt", "README.md"):
        depository.upload(draft.id, name, io.BytesIO(b"x"), 1)
    depository.describe(draft.id, metadata("p1"))
    depository.publish(draft.id)
    record = requests.get(f"{inveniordm.url}/api/records/{draft.id}/files", timeout=60).json()
    assert record["default_preview"] == "README.md"


@pytest.mark.inveniordm
def test_a_draft_that_would_not_be_published_is_not_kept(inveniordm: InvenioRDM, metadata: Metadata):
    depository = at_inveniordm(inveniordm.url, inveniordm.owner.token)
    with pytest.raises(Invalid) as refused:
        depository.draft(replace(metadata("p1"), title="x"), None, lost=False)
    assert str(refused.value.faults[0]).startswith("metadata.title: ")
    draft = depository.draft(metadata("p1"), None)
    with pytest.raises(Invalid):
        depository.describe(draft.id, replace(metadata("p1"), date="20/11/2026"))


@pytest.mark.inveniordm
def test_a_record_is_shared_with_nobody_whom_the_server_does_not_show(inveniordm: InvenioRDM, metadata: Metadata):
    depository = at_inveniordm(inveniordm.url, inveniordm.owner.token)
    draft = depository.draft(metadata("p1"), None, lost=False)
    assert not depository.share(draft.id, "nobody@example.org")
