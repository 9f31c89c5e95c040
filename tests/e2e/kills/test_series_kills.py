"""Two versions of one series survive kills at random moments, lost answers and two workers: two records, every byte in place."""

import multiprocessing
import random
import re
from collections.abc import Callable

import pytest

from fakes.small_project import commit
from fakes.trial import Lossy, Trial
from tagstone.actions.deposit import matches
from tagstone.domain.deposits.deposit import DepositState
from tagstone.domain.publications.publication import State
from tagstone.ports import DepositAccount
from tagstone.store import bundles, publications, reservations
from tagstone.store.tables import Reservation

KILLED = -9
SHARDS = 4
KILLS = 25  # in each shard, on each depository: 200 in all
APART = 8  # calls between two answers that are lost in one trial
TAGS = ("v1.0.0", "v1.1.0")
NewTrial = Callable[..., Trial]


def never(_number: int) -> bool:
    return False


def one_in(chance: int, seed: int) -> Lossy:
    """Loses one answer of so many, and the same ones in every process."""
    return lambda number: random.Random(f"{seed}-{number}").randrange(chance) == 0


def two_tags(trial: Trial) -> list[str]:
    """Two versions of one project, both submitted."""
    repository = trial.folder / "wobble"
    (repository / "analysis.py").write_text("print('better')\n")
    commit(repository, TAGS[1])
    return [trial.submit(tag) for tag in TAGS]


def account_of(trial: Trial) -> DepositAccount:
    return trial.application.depositories.account("local", "local", None)


def deposits(trial: Trial) -> list[str]:
    """Every deposit that there is, whatever its state."""
    if trial.lossy is not None:
        return [deposit.id for deposit in trial.application.fake.deposits()]
    return [path.name for path in (trial.folder / "home" / "depository" / "deposits").iterdir()]


def assert_published(trial: Trial, asked: list[str]) -> None:
    """Each publication has one record of one series with exactly its bytes, and there is nothing else."""
    application, account, found = trial.application, account_of(trial), []
    with application.sessions.read() as session:
        for publication in asked:
            row = publications.get(session, publication)
            assert row.state == State.PUBLISHED, f"{row.state}: {row.error}\n{trial.log()[-3000:]}"
            sent = {file.path: file for file in bundles.deposited(session, publication)}
            deposit = next(one for one in map(account.depository.find, deposits(trial)) if one.doi == row.doi)
            there = {file.name: file for file in account.files.list(deposit.id)}
            assert there.keys() == sent.keys()
            assert all(matches(file, sent[name]) for name, file in there.items())
            found.append(deposit)
        assert list(session.query(Reservation)) == []
    assert sorted(one.id for one in found) == sorted(deposits(trial))
    assert {one.state for one in found} == {DepositState.PUBLISHED}
    assert len({one.series for one in found}) == 1
    assert sorted(one.version_index for one in found) == list(range(1, len(asked) + 1))
    application.engine.dispose()


def kill_again_and_again(trial: Trial, chance: random.Random, wanted: int) -> int:
    """Kill worker after worker at random moments of their lives until all is published; how many died."""
    asked, kills, longest = two_tags(trial), 0, 120
    while trial.work(fatal=chance.randrange(1, longest)) == KILLED:
        kills += 1
        # Ever longer lives once enough have died: what is begun and cut off again and again must end too.
        longest += 40 if kills < wanted else 400
        assert kills < 60, trial.log()[-3000:]
    assert_published(trial, asked)
    return kills


def test_two_versions_survive_kills_and_lost_answers(
    new_trial: NewTrial, record_property: Callable[[str, object], None]
) -> None:
    kills = kill_again_and_again(new_trial(lossy=one_in(25, seed=1)), random.Random(1), wanted=4)
    assert kills > 0
    record_property("kills", kills)


@pytest.mark.kills
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("depository", ["fake", "folder"])
def test_two_versions_survive_kills_at_random_moments(
    new_trial: NewTrial, record_property: Callable[[str, object], None], depository: str, shard: int
) -> None:
    kills, round_ = 0, 0
    while kills < KILLS:
        seed = shard * 1000 + round_
        lossy = one_in(25, seed) if depository == "fake" else None
        kills += kill_again_and_again(new_trial(lossy=lossy), random.Random(seed), wanted=12)
        round_ += 1
    record_property("kills", kills)


@pytest.mark.kills
@pytest.mark.parametrize("first", range(APART))
def test_each_answer_of_the_depository_may_be_lost(
    new_trial: NewTrial, record_property: Callable[[str, object], None], first: int
) -> None:
    trial = new_trial(lossy=lambda number: number % APART == first)
    asked = two_tags(trial)
    assert trial.work() == 0, trial.log()
    lost = without_answer(trial.moments())
    assert_published(trial, asked)
    assert lost > 0
    record_property("lost answers", lost)


def without_answer(moments: list[str]) -> int:
    """How many calls to the depository raised instead of answering."""
    calls = [line.split()[1] for line in moments if re.search(r" (depository|files|curation)\.", line)]
    return calls.count("before") - calls.count("after")


def test_two_workers_on_one_series_make_one_version_after_the_other(new_trial: NewTrial) -> None:
    trial = new_trial(lossy=never)
    asked = two_tags(trial)
    workers = [trial.start(), trial.start()]
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0], trial.log()
    assert_published(trial, asked)


def test_a_tag_that_is_delivered_twice_at_once_is_one_publication(new_trial: NewTrial) -> None:
    trial = new_trial(lossy=never)
    processes = [multiprocessing.get_context("fork").Process(target=trial.submit) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    workers = [trial.start(), trial.start()]
    for worker in workers:
        worker.join(60)
    assert_published(trial, [trial.submit()])


def test_a_reservation_survives_kills(new_trial: NewTrial, record_property: Callable[[str, object], None]) -> None:
    record_property("kills", kill_reservations(new_trial, every=6))


@pytest.mark.kills
def test_a_reservation_survives_a_kill_at_every_single_moment(
    new_trial: NewTrial, record_property: Callable[[str, object], None]
) -> None:
    record_property("kills", kill_reservations(new_trial, every=1))


def kill_reservations(new_trial: NewTrial, every: int) -> int:
    """Kill a reservation at one of so many moments, then reserve again; how many died."""
    undisturbed = new_trial(lossy=never)
    assert undisturbed.reserve("v1.0.0") == 0, undisturbed.log()
    chosen = range(1, len(undisturbed.moments()) + 1, every)
    trial = new_trial(lossy=never)
    for fatal in chosen:
        assert trial.reserve(f"v{fatal}", fatal) == KILLED
        assert trial.reserve(f"v{fatal}") == 0, trial.log()
        assert len(deposits(trial)) == 1
        forget_reservation(trial, f"v{fatal}")
    return len(chosen)


def forget_reservation(trial: Trial, ref: str) -> None:
    """Give the reserved DOI up, so that the next one can be reserved."""
    application, account = trial.application, account_of(trial)
    with application.sessions.write() as session:
        row = session.query(Reservation).filter_by(ref=ref).one()
        deposit = reservations.deposit(row)
        assert deposit is not None
        assert [deposit.id] == deposits(trial)
        session.delete(row)
    account.depository.discard(deposit.id)
    application.engine.dispose()


@pytest.mark.kills
@pytest.mark.parametrize("shard", range(2))
def test_a_tag_adopts_its_reserved_doi_though_killed_at_any_moment_of_that(
    new_trial: NewTrial, record_property: Callable[[str, object], None], shard: int
) -> None:
    lines = [line.split(" ", 1)[1] for line in adoption(new_trial(lossy=never))]
    begins, ends = lines.index("before depository.find"), lines.index("before runner.start")
    chosen = range(begins - 1 + shard, ends + 1, 2)
    assert len(chosen) > 5
    for fatal in chosen:
        trial = new_trial(lossy=never)
        assert trial.reserve(TAGS[0]) == 0, trial.log()
        (reserved,) = deposits(trial)
        (trial.folder / "home" / "moments").unlink()
        asked = [trial.submit()]
        assert trial.work(fatal) == KILLED
        assert trial.work() == 0, trial.log()
        assert deposits(trial) == [reserved]
        assert_published(trial, asked)
    record_property("kills", len(chosen))


def adoption(trial: Trial) -> list[str]:
    """The moments of an undisturbed publication whose DOI was reserved."""
    assert trial.reserve(TAGS[0]) == 0, trial.log()
    (trial.folder / "home" / "moments").unlink()
    asked = [trial.submit()]
    assert trial.work() == 0, trial.log()
    assert_published(trial, asked)
    return trial.moments()
