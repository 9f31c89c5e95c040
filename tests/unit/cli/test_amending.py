"""amend and withdraw."""

from dataclasses import replace

import pytest

from fakes import facts as recorded
from fakes.depository import FakeDepository, OneDepository
from tagstone.domain.publications import record
from tagstone.domain.publications.policy import Policy
from tagstone.errors import Away, Forbidden, Temporary
from tagstone.store import asked, publications
from tagstone.store.tables import Letter, Word

PAPER = "10.1051/0004-6361/201834567"
AMENDED = recorded.CITATION.replace("title: Wobble", "title: The Wobble of the Pole")


@pytest.fixture
def depository(tagstone):
    """The depository that the record lies in."""
    fake = FakeDepository(registered=True)
    tagstone.application.__dict__["depositories"] = OneDepository(fake, registered=True)
    policy = Policy(depositories=("fake",), open_depositories=("fake",))
    tagstone.application.__class__ = type("Site", (type(tagstone.application),), {"policy": policy})
    return fake


@pytest.fixture
def published(installation, depository):
    """A record with its deposit."""
    from io import BytesIO

    draft = depository.draft(recorded.metadata(), None)
    depository.upload(draft.id, "README.html", BytesIO(b"x"), 1)
    depository.reserve(draft.id)
    depository.publish(draft.id)
    deposit = replace(depository.find(draft.id), depository="fake")
    return installation.publication(replace(recorded.facts(), deposit=deposit), contact="ada@example.org")


def row_of(installation, publication):
    with installation.sessions.read() as session:
        return publications.get(session, publication)


def facts_of(installation, publication):
    return record.load(row_of(installation, publication).facts.encode())


def test_the_papers_doi_is_added_under_the_same_doi(tagstone, installation, depository, published):
    before = row_of(installation, published).doi
    done = tagstone("amend", published, "--related", f"supplement-to={PAPER}", "--yes")
    assert done.exit_code == 0
    assert f"+ isderivedfrom https://example.org/wobble; issupplementto {PAPER}" in done.stdout
    (deposit,) = depository.deposits()
    works = {(work.relation, work.identifier) for work in depository.metadata(deposit.id).related}
    assert ("issupplementto", PAPER) in works
    assert (deposit.doi, deposit.state, row_of(installation, published).doi) == (before, "published", before)


def test_an_amendment_is_recorded_with_who_and_when(tagstone, installation, published):
    tagstone("amend", published, "--related", f"supplement-to={PAPER}", "--yes")
    (one,) = facts_of(installation, published).amendments
    assert (one.at, bool(one.by), one.related[0].identifier) == (installation.clock.now(), True, PAPER)


def test_a_new_citation_counts_from_then_on(tagstone, installation, depository, published, tmp_path):
    (tmp_path / "CITATION.cff").write_text(AMENDED)
    assert tagstone("amend", published, "--citation", str(tmp_path / "CITATION.cff"), "--yes").exit_code == 0
    assert row_of(installation, published).title == "The Wobble of the Pole"
    assert "The Wobble of the Pole" in tagstone("cite", published).stdout
    assert depository.metadata(depository.deposits()[0].id).title == "The Wobble of the Pole"


def test_a_second_amendment_keeps_the_first(tagstone, installation, depository, published, tmp_path):
    (tmp_path / "CITATION.cff").write_text(AMENDED)
    tagstone("amend", published, "--related", f"supplement-to={PAPER}", "--yes")
    tagstone("amend", published, "--citation", str(tmp_path / "CITATION.cff"), "--yes")
    told = depository.metadata(depository.deposits()[0].id)
    assert (told.title, PAPER in [work.identifier for work in told.related]) == ("The Wobble of the Pole", True)


def test_nothing_is_amended_that_nobody_confirmed(tagstone, installation, depository, published):
    refused = tagstone("amend", published, "--related", f"supplement-to={PAPER}")
    assert (refused.exit_code, depository.calls("amend")) == (5, 0)
    assert tagstone.json("amend", published, "--related", f"supplement-to={PAPER}")["amended"] is False
    assert (depository.calls("amend"), facts_of(installation, published).amendments) == (0, ())


def test_after_a_lost_answer_the_same_amendment_is_made_again(tagstone, installation, depository, published):
    depository.lose("amend")
    arguments = ("amend", published, "--related", f"supplement-to={PAPER}", "--yes")
    assert (tagstone(*arguments).exit_code, facts_of(installation, published).amendments) == (7, ())
    with installation.sessions.read() as session:
        question = asked.find(session, published, "amend")
    assert question is not None
    assert question.answered_at is None
    assert tagstone(*arguments).exit_code == 0
    assert len(facts_of(installation, published).amendments) == 1
    assert tagstone(*arguments).exit_code == 5


def test_what_the_depository_would_refuse_is_not_sent(tagstone, installation, depository, published):
    depository.fail("faults", Away("fake does not answer."))
    assert tagstone("amend", published, "--related", f"supplement-to={PAPER}", "--yes").exit_code == 7
    assert depository.calls("amend") == 0


@pytest.mark.parametrize(
    ("work", "remedy"),
    [
        ("supplment-to=10.1/x", "Did you mean supplement-to"),
        (PAPER, "Write RELATION=DOI"),
        ("supplement-to=", "such as 10."),
        ("supplement-to=javascript:alert(1)", "such as 10."),
        ("supplement-to=https://a b", "https://host/path"),
    ],
)
def test_what_is_no_related_work_is_refused_with_what_to_write(tagstone, published, work, remedy):
    refused = tagstone("amend", published, "--related", work, "--yes")
    assert (refused.exit_code, remedy in refused.stderr) == (3, True)


def test_a_citation_that_cannot_be_used_names_every_fault(tagstone, published, tmp_path):
    (tmp_path / "CITATION.cff").write_text("title: 1\nauthors: 2\n")
    refused = tagstone("amend", published, "--citation", str(tmp_path / "CITATION.cff"), "--yes")
    assert (refused.exit_code, "CITATION.cff" in refused.stderr) == (3, True)
    assert tagstone("amend", published, "--citation", str(tmp_path / "none.cff"), "--yes").exit_code == 4


def test_only_records_are_amended_or_withdrawn(tagstone, installation, depository):
    failed = installation.publication(state="failed")
    assert tagstone("amend", failed, "--related", f"supplement-to={PAPER}", "--yes").exit_code == 5
    assert tagstone("withdraw", failed, "--reason", "wrong", "--yes").exit_code == 5
    assert tagstone("amend", failed).exit_code == 2


def test_a_record_is_withdrawn_with_its_reason(tagstone, installation, depository, published):
    done = tagstone("withdraw", published, "--reason", "The clock was wrong.", "--yes")
    assert (done.exit_code, "The clock was wrong." in done.stdout) == (0, True)
    row = row_of(installation, published)
    assert (row.state, row.withdrawn_because, row.withdrawn_at) == (
        "withdrawn",
        "The clock was wrong.",
        installation.clock.now(),
    )
    assert depository.deposits()[0].state == "withdrawn"
    with installation.sessions.read() as session:
        assert session.query(Word).count() == 0
        assert [letter.event for letter in session.query(Letter)] == ["withdrawn"]


def test_withdrawing_twice_is_the_same_answer(tagstone, depository, published):
    tagstone("withdraw", published, "--reason", "Wrong.", "--yes")
    again = tagstone("withdraw", published, "--reason", "Something else.", "--yes")
    assert (again.exit_code, "Wrong." in again.stdout, depository.calls("withdraw")) == (0, True, 1)


def test_a_lost_answer_leaves_it_published_and_asking_again_ends_it(tagstone, installation, depository, published):
    depository.lose("withdraw")
    arguments = ("withdraw", published, "--reason", "Wrong.", "--yes")
    assert (tagstone(*arguments).exit_code, row_of(installation, published).state) == (7, "published")
    assert (tagstone(*arguments).exit_code, row_of(installation, published).state) == (0, "withdrawn")


def test_where_only_the_depositorys_people_may_it_says_how_they_are_asked(tagstone, installation, depository, published):
    depository.fail("withdraw", Forbidden("Only its people may.", remedy="Write this to them: …."))
    refused = tagstone("withdraw", published, "--reason", "Wrong.", "--yes")
    assert (refused.exit_code, row_of(installation, published).state) == (6, "published")
    assert "Write this to them" in refused.stderr
    assert f"tagstone withdraw {published} --reason" in refused.stderr


def test_nothing_is_withdrawn_that_nobody_confirmed(tagstone, depository, published):
    assert tagstone("withdraw", published, "--reason", "Wrong.").exit_code == 5
    assert tagstone("withdraw", published, "--reason", " \n", "--yes").exit_code == 3
    assert depository.calls("withdraw") == 0


def test_an_outage_changes_nothing(tagstone, installation, depository, published):
    depository.fail("withdraw", Temporary("Later."))
    assert tagstone("withdraw", published, "--reason", "Wrong.", "--yes").exit_code == 7
    assert row_of(installation, published).state == "published"


@pytest.mark.parametrize("command", ["verify", "reproduce", "cite"])
def test_commands_say_kindly_that_a_record_is_gone(tagstone, depository, published, command):
    tagstone("withdraw", published, "--reason", "The clock was wrong.", "--yes")
    told = tagstone(command, published)
    assert told.exit_code == 5
    assert "was withdrawn on 2026-03-01: The clock was wrong." in told.stderr


def test_the_tag_of_a_withdrawn_record_is_not_published_again(tagstone, installation, repository):
    published = tagstone.json("publish", repository, "--tag", "v1.0.0")["publication"]
    with installation.sessions.write() as session:
        publications.get(session, published).state = "withdrawn"
    refused = tagstone("publish", repository, "--tag", "v1.0.0")
    assert (refused.exit_code, "publish a new version, with a new tag" in refused.stderr) == (5, True)
    assert tagstone("retry", published).exit_code == 5
