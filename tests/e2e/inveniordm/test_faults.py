"""What goes wrong between us and a real server, or on it: in the end there is one record with every byte in place."""

import threading
from collections.abc import Callable

import pytest

from rigs.deposits import Depositing, Observer
from servers.faulty_proxy import Call, Fault, FaultyProxy, Trouble
from servers.inveniordm.server import InvenioRDM
from tagstone.domain.publications.publication import State

pytestmark = pytest.mark.inveniordm

Installation = Callable[..., Depositing]


def assert_one_record(trial: Depositing, observer: Observer) -> None:
    observer.assert_whole(trial.publish())
    assert observer.count(trial.mark) == (1, 0)


def test_a_504_on_a_publish_that_had_happened(installation: Installation, observer: Observer, proxy: FaultyProxy) -> None:
    proxy.disturb_once("POST", "/actions/publish$", Trouble(Fault.REPLACE, 504))
    assert_one_record(installation(), observer)
    assert proxy.count("POST", "/actions/publish$") == 1


def test_a_504_on_a_publish_that_had_not_happened_is_told_and_asked_for_again_by_a_retry(
    installation: Installation, observer: Observer, proxy: FaultyProxy
) -> None:
    proxy.disturb_once("POST", "/actions/publish$", Trouble(Fault.REFUSE, 504))
    trial = installation()
    publication = trial.submit()
    assert trial.live() == 0, trial.log()
    row = trial.row(publication)
    assert (row.state, proxy.count("POST", "/actions/publish$")) == (State.FAILED, 1)
    assert "tagstone retry" in str(row.remedy)
    trial.retry(publication)
    assert_one_record(trial, observer)
    assert proxy.count("POST", "/actions/publish$") == 2


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(Fault.REFUSE, 429, retry_after="1"),
        Trouble(Fault.REFUSE, 500),
        Trouble(Fault.REPLACE, 500),
        Trouble(Fault.CUT),
        Trouble(delay=2.0),
    ],
    ids=["429", "500 before", "500 after", "cut short", "slow"],
)
def test_every_fifth_call_goes_wrong(
    installation: Installation,
    observer: Observer,
    proxy: FaultyProxy,
    trouble: Trouble,
    record_property: Callable[[str, object], None],
) -> None:
    # Publishing is never asked for twice, which has tests of its own.
    spared = lambda call: call.number % 5 or len(proxy.struck) == 6 or call.path.endswith("/publish")  # noqa: E731
    proxy.disturb(lambda call: None if spared(call) else trouble)
    assert_one_record(installation(), observer)
    assert len(proxy.struck) == 6
    record_property("faults", 6)


def test_connections_break_in_the_middle_of_uploads(installation: Installation, observer: Observer, proxy: FaultyProxy) -> None:
    proxy.disturb(
        lambda call: Trouble(Fault.STALL) if call.method == "PUT" and call.size > 5_000 and len(proxy.struck) < 3 else None
    )
    assert_one_record(installation(), observer)
    assert len(proxy.struck) == 3


def test_the_server_is_restarted_in_the_middle_of_an_upload(
    installation: Installation, observer: Observer, proxy: FaultyProxy, inveniordm: InvenioRDM
) -> None:
    restarts: list[threading.Thread] = []

    def restart(call: Call) -> None:
        if call.path.endswith("/content") and not restarts and proxy.count("PUT", "/content$") == 3:
            inveniordm.stop_web()
            restarts.append(threading.Thread(target=inveniordm.start_web))
            restarts[0].start()

    proxy.disturb(restart)
    try:
        assert_one_record(installation(), observer)
    finally:
        for thread in restarts:
            thread.join()
    assert len(restarts) == 1


def test_a_token_that_is_revoked_stops_it_with_a_clear_message_and_a_retry_goes_on(
    installation: Installation, proxy: FaultyProxy, inveniordm: InvenioRDM
) -> None:
    trial, observer = installation(inveniordm.other), Observer(inveniordm.url, inveniordm.other)
    proxy.disturb(lambda call: inveniordm.revoke(inveniordm.other) if call.number == 10 else None)
    publication = trial.submit()
    assert trial.live() == 0
    row = trial.row(publication)
    assert row.state == State.FAILED
    assert "token" in f"{row.error} {row.remedy}"
    assert inveniordm.other.token not in trial.log()
    proxy.disturb(None)
    inveniordm.restore(inveniordm.other)
    trial.retry(publication)
    assert trial.live() == 0
    found = trial.published(publication)
    observer.assert_whole(found)
    assert observer.count(trial.mark) == (1, 0)
    assert 0 < proxy.count("POST", "/commit$") < len(found.files)
    assert proxy.count("POST", "/api/records$") == 0
