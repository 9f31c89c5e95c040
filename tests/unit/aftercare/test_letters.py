"""Letters to who set the tag: to plain addresses only, once for each event, whatever happens to the mail server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.installation import NOW
from tagstone.domain.publications.letter import Event, Subject, address, write
from tagstone.domain.publications.publication import Step
from tagstone.errors import Invalid, Temporary
from tagstone.store import letters, publications
from tagstone.store.tables import Letter

DAY = 86_400.0


def owed(place, publication, event):
    with place.installation.sessions.write() as session:
        letters.owe(session, publications.get(session, publication), event, NOW)


def outcomes(place):
    with place.installation.sessions.read() as session:
        return [letter.outcome for letter in session.query(Letter).order_by(Letter.id)]


def test_the_one_who_set_the_tag_is_told_of_the_doi(place):
    publication = place.release()
    place.watch().tell_and_ask()
    ((to, subject, text),) = place.mail.letters
    assert (to, subject) == ("ada@example.org", "wobble v1.0.0: is published")
    assert f"https://doi.org/{place.row(publication).doi}" in text
    assert f"https://tagstone.example/records/{publication}" in text


def test_a_review_that_waits_is_told_with_the_preview_of_the_draft_and_the_command(place):
    publication = place.release(state="working", step=Step.REVIEW)
    owed(place, publication, Event.REVIEW)
    place.watch().tell_and_ask()
    text = place.mail.letters[-1][2]
    assert f"tagstone approve {publication}" in text
    assert "Preview of the draft: https://depository.example/1000" in text
    assert f"https://tagstone.example/publications/{publication}" in text


def test_a_failure_is_told_with_its_remedy_and_its_page(place):
    publication = place.release(state="failed", error="The licence\nis unknown.", remedy="Correct it.")
    owed(place, publication, Event.FAILED)
    place.watch().tell_and_ask()
    text = place.mail.letters[-1][2]
    assert "> The licence\n> is unknown." in text
    assert "What to do: Correct it." in text
    assert f"https://tagstone.example/publications/{publication}" in text


def test_each_event_is_told_once_also_by_another_worker(place):
    publication = place.release()
    for _ in range(3):
        place.watch().tell_and_ask()
        owed(place, publication, Event.PUBLISHED)
    assert (len(place.mail.letters), outcomes(place)) == (1, ["sent"])


def test_an_attempt_that_fails_again_is_told_again(place):
    publication = place.release(state="failed", error="No.")
    for attempt in (2, 3):
        with place.installation.sessions.write() as session:
            publications.get(session, publication).attempt = attempt
        owed(place, publication, Event.FAILED)
        place.watch().tell_and_ask()
    assert [subject for _, subject, _ in place.mail.letters].count("wobble v1.0.0: could not be published") == 2


def test_a_letter_waits_for_a_mail_server_that_is_away(place):
    place.release()
    place.mail.failing.append(Temporary("The mail server is away."))
    watch = place.watch()
    watch.tell_and_ask()
    watch.tell_and_ask()
    assert (place.mail.letters, outcomes(place)) == ([], [None])
    place.later(place.durations.retry)
    watch.tell_and_ask()
    assert (len(place.mail.letters), outcomes(place)) == (1, ["sent"])


def test_a_letter_is_given_up_after_the_longest_outage(place):
    place.release()
    place.later(place.durations.outage + DAY)
    place.mail.failing.append(Temporary("The mail server is away."))
    place.watch().tell_and_ask()
    assert outcomes(place) == ["given up"]


def test_a_letter_that_is_refused_for_good_keeps_no_other_back(place):
    place.release("v1.0.0")
    place.release("v2.0.0")
    place.mail.failing.append(Invalid("No such user.", remedy="Correct it."))
    place.watch().tell_and_ask()
    assert (len(place.mail.letters), outcomes(place)) == (1, ["refused", "sent"])


def test_what_is_not_so_any_more_is_not_told(place):
    publication = place.release(state="working")
    owed(place, publication, Event.REVIEW)
    with place.installation.sessions.write() as session:
        publications.get(session, publication).state = "cancelled"
    place.watch().tell_and_ask()
    assert "outdated" in outcomes(place)


def test_without_a_mail_server_nothing_waits(place):
    place.release()
    place.mail.configured = False
    place.watch().tell_and_ask()
    assert outcomes(place) == ["no mail"]


def test_nobody_is_told_where_the_tag_has_no_plain_address(place):
    place.release(contact=None)
    place.watch().tell_and_ask()
    assert outcomes(place) == []


@pytest.mark.parametrize("text", ["ada@example.org", "a.b+c@x-y.example", "A_1@sub.example.museum"])
def test_plain_addresses_are_taken(text):
    assert address(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "ada", "ada@localhost", "ada@[127.0.0.1]", "ada@example.org, eve@example.org", "ada@example.org\nBcc: eve@example.org",
     "Ada <ada@example.org>", '"ada"@example.org', "ada@example.org\r", "-ada@example.org", "ada@@example.org", "ada@exa mple.org",
     "ада@example.org", "ada@exämple.org", "a" * 65 + "@example.org", "a@" + "x." * 130 + "org", "noreply@example.org",
     "1+ada@users.noreply.forge.example", "no-reply@example.org", ".ada@example.org", "ada.@example.org", "a;b@example.org",
     "a|b@example.org", "$(id)@example.org", "a/b@example.org", "ada@example.o", "ada@-example.org"],
)  # fmt: skip
def test_everything_else_is_no_address(text):
    assert address(text) is None


@given(st.text(max_size=300))
def test_no_address_has_what_headers_lists_or_shells_give_a_meaning(text):
    taken = address(text)
    assert taken is None or not set(taken) & set("\r\n\0\t ,;:<>()[]\"'`$&|\\%!*?{}")


@given(st.sampled_from(Event), st.text(max_size=50), st.text(max_size=300), st.text(max_size=300))
def test_what_others_wrote_can_end_no_header_and_begin_no_line_of_ours(event, ref, error, title):
    about = Subject(
        "p1", "wobble", ref, "https://tagstone.example/p1", title, error=error, drift=error, reason=error, remedy=title
    )
    subject, text = write(event, about)
    assert "\n" not in subject
    assert "\r" not in subject + text
    assert "\x1b" not in subject + text
    assert not any("\u202a" <= sign <= "\u202e" for sign in subject + text)
    assert text.count("Its page: https://tagstone.example/p1\n") >= 1
