"""Whole publications to a real server: what is there in the end, what it cost, and what several at once do."""

from collections.abc import Callable

import pytest
import requests

from rigs.deposits import Depositing, Observer
from servers.faulty_proxy import Call, FaultyProxy
from servers.inveniordm.server import InvenioRDM

pytestmark = pytest.mark.inveniordm

Installation = Callable[..., Depositing]


def most_calls(files: int) -> int:
    return 3 * files + 12


def calls(proxy: FaultyProxy) -> list[Call]:
    """What was asked for a publication; once a day a worker asks beside it what the credential is worth."""
    return [call for call in proxy.calls if call.path != "/api/user/records?size=1"]


def test_a_tag_becomes_a_record_that_holds_every_byte(
    installation: Installation, observer: Observer, proxy: FaultyProxy
) -> None:
    trial = installation()
    found = trial.publish()
    observer.assert_whole(found)
    assert observer.count(trial.mark) == (1, 0)
    assert len(calls(proxy)) <= most_calls(len(found.files))


def test_a_later_version_continues_the_series_and_sends_only_what_changed(
    installation: Installation, observer: Observer, proxy: FaultyProxy
) -> None:
    trial = installation()
    first = trial.publish()
    proxy.disturb(None)
    trial.tag("v1.1.0", {"analysis.py": "print('another wobble')\n"})
    second = trial.publish("v1.1.0")
    for version in (first, second):
        observer.assert_whole(version)
    assert second.deposit.concept_doi == first.deposit.concept_doi
    assert second.deposit.version_index == 2
    assert observer.count(trial.mark) == (2, 0)
    changed = {name: size for name, (size, checksum) in second.files.items() if first.files.get(name) != (size, checksum)}
    assert 0 < len(changed) < len(second.files)
    assert proxy.sent("/content$") == sum(changed.values())
    assert proxy.count("POST", "/files-import$") == 1
    assert len(calls(proxy)) <= most_calls(len(second.files))


def test_the_same_tag_delivered_twice_at_once_is_one_record(installation: Installation, observer: Observer) -> None:
    trial = installation()
    publication = trial.submit()
    workers = [trial.begin(), trial.begin()]
    assert trial.submit() == publication
    for worker in workers:
        worker.join(180)
    assert [worker.exitcode for worker in workers] == [0, 0], trial.log()[-4000:]
    observer.assert_whole(trial.published(publication))
    assert observer.count(trial.mark) == (1, 0)


def test_two_workers_on_one_series_make_one_version_after_the_other(installation: Installation, observer: Observer) -> None:
    trial = installation()
    trial.tag("v1.1.0", {"analysis.py": "print('another wobble')\n"})
    asked = [trial.submit(tag) for tag in ("v1.0.0", "v1.1.0")]
    workers = [trial.begin(), trial.begin()]
    for worker in workers:
        worker.join(240)
    assert [worker.exitcode for worker in workers] == [0, 0], trial.log()[-4000:]
    versions = [trial.published(publication) for publication in asked]
    for version in versions:
        observer.assert_whole(version)
    assert versions[0].deposit.series == versions[1].deposit.series
    assert sorted(version.deposit.version_index for version in versions) == [1, 2]
    assert observer.count(trial.mark) == (2, 0)


def test_a_draft_left_over_by_hand_is_taken_over_and_put_in_order(
    installation: Installation, observer: Observer, inveniordm: InvenioRDM
) -> None:
    trial = installation()
    first = trial.publish()
    api, headers = f"{inveniordm.url}/api/records", {"Authorization": f"Bearer {inveniordm.owner.token}"}
    draft = requests.post(f"{api}/{first.deposit.id}/versions", headers=headers, timeout=60).json()["id"]
    files = f"{api}/{draft}/draft/files"
    for name in ("stray.txt", "README.md"):
        assert requests.post(files, json=[{"key": name}], headers=headers, timeout=60).status_code == 201
        binary = headers | {"Content-Type": "application/octet-stream"}
        assert requests.put(f"{files}/{name}/content", data=b"by hand", headers=binary, timeout=60).ok
        assert requests.post(f"{files}/{name}/commit", headers=headers, timeout=60).ok
    trial.tag("v1.1.0", {"analysis.py": "print('another wobble')\n"})
    second = trial.publish("v1.1.0")
    assert second.deposit.id == draft
    observer.assert_whole(second)
    assert observer.count(trial.mark) == (2, 0)


def test_the_dois_lead_to_the_record_at_the_server_itself(installation: Installation, inveniordm: InvenioRDM) -> None:
    found = installation().publish()
    told = {one["doi"]: one for one in inveniordm.told_to_datacite()}
    for doi in (found.deposit.doi, found.deposit.concept_doi):
        assert told[str(doi)]["event"] == "publish"
        assert requests.head(f"{inveniordm.url}/doi/{doi}", timeout=60).is_redirect
