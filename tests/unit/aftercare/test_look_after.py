"""After the release: the DOI comes to resolve, the record is shared, and what the depository holds is compared now and then."""

import pytest

from fakes.installation import NOW
from tagstone.errors import Away, Forbidden
from tagstone.store import asked
from tagstone.store import publications as rows

DAY = 86_400.0


def answers(place, publication):
    with place.installation.sessions.read() as session:
        return {row.call: row.answer for row in asked.of(session, publication)}


def test_a_doi_is_asked_for_until_it_resolves_and_never_again(place):
    publication, watch = place.release(), place.watch()
    for _ in range(5):
        place.later(place.durations.resolves)
        watch.tell_and_ask()
    assert (len(place.resolver.asked), place.row(publication).resolved_at) == (5, None)
    place.resolver.targets[place.row(publication).doi] = "https://depository.example/records/1000"
    for _ in range(5):
        place.later(place.durations.resolves)
        watch.tell_and_ask()
    assert len(place.resolver.asked) == 6
    assert place.row(publication).resolved_at is not None
    assert answers(place, publication)["resolves"] == "https://depository.example/records/1000"


def test_a_new_doi_is_looked_at_soon_and_then_ever_less_often(place):
    place.release()
    watch = place.watch()
    for _ in range(120):
        place.later(30.0)
        watch.tell_and_ask()
    assert 6 <= len(place.resolver.asked) <= 14


def test_days_without_an_answer_change_nothing_else(place):
    publication, watch = place.release(), place.watch()
    for _ in range(20):
        place.resolver.failing.append(Away("The resolver does not answer."))
        place.later(DAY)
        watch.tell_and_ask()
    assert (place.row(publication).state, place.row(publication).error) == ("published", None)


def test_a_test_identifier_is_asked_for_by_nobody(place):
    publication = place.installation.publication()
    place.later(DAY)
    place.watch().tell_and_ask()
    assert (place.resolver.asked, place.row(publication).resolved_at) == ([], None)


def test_a_record_is_shared_once_where_the_site_wants_it(place):
    publication, watch = place.release(share=True), place.watch()
    for _ in range(3):
        place.later(DAY)
        watch.tell_and_ask()
    assert (place.depository.calls("share"), answers(place, publication)["share"]) == (1, "shared")


def test_a_record_is_not_shared_unless_the_site_wants_it(place):
    place.release()
    place.later(DAY)
    place.watch().tell_and_ask()
    assert place.depository.calls("share") == 0


def test_a_refusal_to_share_is_written_down_and_an_outage_waited_out(place):
    publication = place.release(share=True)
    place.depository.fail("share", Away("It is away."))
    place.depository.fail("share", Forbidden("Not for tokens.", remedy="By hand."))
    for _ in range(3):
        place.later(DAY)
        place.watch().tell_and_ask()
    assert answers(place, publication)["share"] == "Not for tokens."


def test_a_deposit_is_compared_again_after_a_week_and_not_before(place):
    publication, watch = place.release(), place.watch()
    released = place.row(publication).checked_at
    watch.compare()
    assert place.row(publication).checked_at == released
    place.later(place.durations.recheck + 1)
    watch.compare()
    assert place.row(publication).checked_at > released
    assert place.row(publication).drift is None
    watch.compare()
    assert place.depository.calls("open") == 3


def test_what_was_changed_at_the_depository_is_found_told_once_and_gone_when_it_is_put_right(place):
    publication = place.release()
    place.depository.spoil(place.deposit_of(publication), "outputs/plot.png", b"forged")
    for _ in range(2):
        place.later(place.durations.recheck + 1)
        place.watch().compare()
        place.watch().tell_and_ask()
    assert place.row(publication).drift == "deposit: different: 'outputs/plot.png' (not as in recorded)"
    told = [text for _, subject, text in place.mail.letters if "differs" in subject]
    assert len(told) == 1
    assert "> deposit: different: 'outputs/plot.png'" in told[0]
    place.depository.spoil(place.deposit_of(publication), "outputs/plot.png", b"png")
    place.later(place.durations.recheck + 1)
    place.watch().compare()
    assert place.row(publication).drift is None


def test_a_record_that_went_is_a_drift_too(place):
    publication = place.release()
    place.depository.withdraw(place.deposit_of(publication), "spam")
    place.later(place.durations.recheck + 1)
    place.watch().compare()
    assert place.row(publication).drift == "The record is withdrawn at fake."


@pytest.mark.parametrize("call", ["find", "list", "open"])
def test_an_outage_is_no_drift_and_the_others_are_compared_meanwhile(place, call):
    publications = [place.release(f"v{number}.0.0") for number in (1, 2)]
    place.later(place.durations.recheck + 1)
    before = place.row(publications[0]).checked_at
    place.depository.fail(call, Away("The depository is away."))
    watch = place.watch()
    watch.compare()
    watch.compare()
    watch.compare()
    rows = [place.row(publication) for publication in publications]
    assert sorted(row.checked_at > before for row in rows) == [False, True]
    assert [row.drift for row in rows] == [None, None]
    place.later(DAY)
    watch.compare()
    assert all(place.row(publication).checked_at > before for publication in publications)


def test_the_one_that_was_compared_longest_ago_comes_first(place):
    first, second = place.release("v1.0.0"), place.release("v2.0.0")
    with place.installation.sessions.write() as session:
        rows.get(session, second).checked_at = NOW - 1
    place.later(place.durations.recheck + 2)
    before = place.row(first).checked_at
    place.watch().compare()
    assert place.row(first).checked_at == before
    place.watch().compare()
    assert place.row(first).checked_at > before
