"""What a GitLab is told of publications: made once though answers are lost and workers die, later where it is away."""

import multiprocessing
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from fakes.gitlab.server import FakeGitlab, running_gitlab
from fakes.gitlab.state import OWNER, Json, Person, Project
from fakes.installation import Installation
from fakes.lethal import Lethal, LethalSessions, Moments
from tagstone.actions.announce import Announcing
from tagstone.adapters.gitlab.announcer import GitlabAnnouncer
from tagstone.adapters.gitlab.client import GitlabSite, GitlabSites
from tagstone.adapters.gitlab.projects import GitlabProjects
from tagstone.domain.forges.registration import ImageBuilder, Standing, What
from tagstone.domain.publications.letter import Event
from tagstone.domain.publications.publication import Kind, State, Step
from tagstone.domain.publications.waiting import Durations
from tagstone.ports import Announcer
from tagstone.store import aftercare, announcements, publications
from tagstone.store.session import Sessions, build_engine
from tagstone.store.tables import Announcement, Registration

URL = "https://tagstone.example.org"
IMAGE = "wobble@sha256:" + "a" * 64
HOUR = 3600.0


class Killed(BaseException):
    """The worker is gone."""


@dataclass(frozen=True)
class Dying:
    """An announcer whose worker dies after its next effect, before it has written that down."""

    inner: Announcer

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any) -> None:
            getattr(self.inner, name)(*given)
            raise Killed

        return call


@dataclass
class Scene:
    """Ada's project stars/wobble at a GitLab, which lends a token and lets the service write all that it can."""

    gitlab: FakeGitlab
    installation: Installation
    ada: Person = field(init=False)
    wobble: Project = field(init=False)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ada = self.gitlab.person("ada")
        self.wobble = self.gitlab.project("stars/wobble", {"analysis.py": b"print()\n"})
        self.gitlab.member(self.wobble, self.ada, OWNER)
        self.sha = self.gitlab.push_tag(self.wobble, "v1.0.0", self.ada)
        self.token = self.gitlab.project_token(self.wobble, ["api"])
        self.publication = self.installation.publication(commit=self.sha, pushed_by="ada", image=IMAGE)
        with self.installation.sessions.write() as session:
            project = publications.get(session, self.publication).project_id
            row = Registration(forge="lab", remote=self.wobble.id, path="stars/wobble", project_id=project, since=1.0)
            row.standing, row.builder, row.asked_by = Standing.ACTIVE, ImageBuilder.SERVICE, "ada"
            row.announces = '["badge", "comments", "release", "status"]'
            session.add(row)

    @property
    def announcer(self) -> GitlabAnnouncer:
        return GitlabAnnouncer(self.sites, lambda *_: self.token)

    @property
    def sites(self) -> GitlabSites:
        return GitlabSites({"lab": GitlabSite(self.gitlab.url, silence=2.0)})

    def announcing(self, announcer: Announcer | None = None) -> Announcing:
        """Somebody who makes announcements: a worker that was just started."""
        projects = GitlabProjects(self.sites, lambda *_: self.token)
        place = self.installation
        return Announcing(place.sessions, announcer or self.announcer, projects, place.clock, Durations(), URL)

    def make(self) -> int:
        """Make what is due."""
        return self.announcing().make_due(self.told.append)

    def set(self, **columns: object) -> None:
        """Let the publication stand otherwise."""
        with self.installation.sessions.write() as session:
            row = publications.get(session, self.publication)
            for name, value in columns.items():
                setattr(row, name, value)

    def owe(self, *whats: What, event: Event | None = None) -> None:
        """Let something be owed, as a worker's step does."""
        with self.installation.sessions.write() as session:
            row, now = publications.get(session, self.publication), self.installation.clock.now()
            announcements.owe(session, row, now, *whats)
            if event is not None:
                announcements.owe_comment(session, row, event, now)

    def release(self) -> None:
        """Let the publication be released just now."""
        with self.installation.sessions.write() as session:
            row = publications.get(session, self.publication)
            aftercare.begin(session, row, self.installation.clock.now(), registered=False, share=False)

    def fail(self, error: str = "The analysis ended with exit code 2.") -> None:
        """Let the publication fail just now."""
        self.set(state=State.FAILED, step=Step.RUN, error=error, remedy="Look at `the` log.")
        self.owe(What.STATUS, event=Event.FAILED)

    def rows(self) -> dict[str, Announcement]:
        """What was owed, by what and event."""
        with self.installation.sessions.read() as session:
            return {row.what + row.event: row for row in announcements.of(session, self.publication)}

    def outcomes(self) -> dict[str, str | None]:
        """How what was owed ended."""
        return {name: row.outcome for name, row in self.rows().items()}

    def links(self) -> dict[str, str]:
        """The release's links."""
        return {link["name"]: link["url"] for link in self.wobble.releases["v1.0.0"].links.values()}

    def status(self) -> Json:
        """The commit's status."""
        (found,) = self.wobble.statuses
        return found

    def counts(self) -> tuple[int, ...]:
        """How many statuses, comments, badges, releases and links there are."""
        release = self.wobble.releases.get("v1.0.0")
        made = (self.wobble.statuses, self.wobble.comments, self.wobble.badges, self.wobble.releases)
        return (*map(len, made), len(release.links) if release else 0)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    installation = Installation(tmp_path)
    with running_gitlab(tmp_path / "gitlab") as gitlab:
        yield Scene(gitlab, installation)
    installation.close()


WHOLE = (1, 1, 1, 1, 3)


def test_a_release_tells_release_page_status_badge_and_who_pushed_the_tag(scene: Scene) -> None:
    scene.release()
    assert scene.make() == 4
    record = f"{URL}/records/{scene.publication}"
    assert scene.links() == {
        "Record": record,
        "Image": f"{record}#again",
        "Bundle": f"{record}/bundle.tar",
    }
    status = scene.status()
    assert (status["status"], status["description"]) == ("success", "Published as 10.5072/tagstone.abc123")
    assert (status["sha"], status["target_url"]) == (scene.sha, record)
    (badge,) = scene.wobble.badges.values()
    assert badge["image_url"].startswith(f"{URL}/projects/")
    (comment,) = scene.wobble.comments
    assert comment["note"].startswith("@ada: `v1.0.0` is published under the test identifier `10.5072/tagstone.abc123`")
    assert set(scene.outcomes().values()) == {"made"}


def test_what_was_made_is_asked_for_no_more(scene: Scene) -> None:
    scene.release()
    scene.make()
    asked = len(scene.gitlab.asked)
    assert scene.make() == 0
    assert len(scene.gitlab.asked) == asked


@pytest.mark.parametrize("announced", ["[]", '["status"]', '["comments", "release"]'])
def test_only_what_the_registration_lets_it_is_written(scene: Scene, announced: str) -> None:
    with scene.installation.sessions.write() as session:
        session.query(Registration).update({Registration.announces: announced})
    scene.release()
    scene.make()
    wanted = [name in announced for name in ("status", "comments", "badge", "release")]
    assert [bool(count) for count in scene.counts()[:4]] == wanted


def test_what_is_not_wanted_any_more_is_not_made(scene: Scene) -> None:
    scene.release()
    with scene.installation.sessions.write() as session:
        session.query(Registration).update({Registration.announces: "[]"})
    assert scene.make() == 0
    assert set(scene.outcomes().values()) == {"outdated"}
    assert scene.counts() == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("standing", [Standing.ENDED, Standing.REFUSED])
def test_projects_that_are_not_registered_are_told_nothing(scene: Scene, standing: Standing) -> None:
    scene.owe(What.STATUS)
    with scene.installation.sessions.write() as session:
        session.query(Registration).update({Registration.standing: standing})
    scene.release()
    assert scene.make() == 0
    assert list(scene.rows()) == ["status"]
    assert scene.counts() == (0, 0, 0, 0, 0)


def test_nobody_is_told_of_rehearsals(scene: Scene) -> None:
    scene.set(kind=Kind.REHEARSAL)
    scene.release()
    scene.fail()
    assert scene.rows() == {}


def test_a_status_follows_the_publication_from_step_to_step(scene: Scene) -> None:
    said = []
    for columns in (
        {"state": State.QUEUED, "step": None},
        {"state": State.WORKING, "step": Step.BUILD},
        {"state": State.FAILED, "step": Step.RUN, "error": "It broke.\nSecond line."},
    ):
        scene.set(**columns)
        scene.owe(What.STATUS)
        scene.make()
        said.append((scene.status()["status"], scene.status()["description"]))
    assert said == [
        ("pending", "Waits for a worker"),
        ("running", "At work; seen last at build"),
        ("failed", "Failed at run: It broke."),
    ]


def test_a_failure_and_an_approval_are_told_once_for_each_attempt(scene: Scene) -> None:
    for _ in range(2):
        scene.set(state=State.WORKING)
        scene.owe(event=Event.REVIEW)
        scene.make()
        scene.fail()
        scene.make()
    assert [("waits for approval" in one["note"], "exit code 2" in one["note"]) for one in scene.wobble.comments] == [
        (True, False),
        (False, True),
    ]
    scene.set(attempt=2)
    scene.fail()
    scene.make()
    assert len(scene.wobble.comments) == 3


def test_what_is_not_so_any_more_is_not_told(scene: Scene) -> None:
    scene.set(state=State.WORKING)
    scene.owe(event=Event.REVIEW)
    scene.set(state=State.CANCELLED)
    assert scene.make() == 0
    assert scene.wobble.comments == []


@pytest.mark.attack("lost answers")
def test_every_answer_may_be_lost_and_nothing_is_made_twice(scene: Scene) -> None:
    scene.release()
    scene.gitlab.faults.lost("^POST ", times=4)
    for _ in range(12):
        scene.make()
        scene.installation.clock.advance(HOUR)
    assert scene.counts() == WHOLE
    assert set(scene.outcomes().values()) == {"made"}


@pytest.mark.attack("outages")
def test_a_worker_may_die_after_every_effect_and_the_next_makes_nothing_twice(scene: Scene) -> None:
    scene.release()
    deaths = 0
    for _ in range(4):
        with pytest.raises(Killed):
            scene.announcing(Dying(scene.announcer)).make_due(scene.told.append)
        deaths += 1
        with scene.installation.sessions.write() as session:
            first = announcements.due(session, scene.installation.clock.now(), 1)[0][0]
            announcements.postpone(session, first, scene.installation.clock.now() + 1, "")
    scene.installation.clock.advance(HOUR)
    assert (deaths, scene.make()) == (4, 4)
    assert scene.counts() == WHOLE


def _make(scene: Scene, fatal: int) -> None:
    """A worker's round in a process of its own, which is killed at this moment."""
    moments = Moments(scene.installation.home / "moments", fatal)
    engine = build_engine(f"sqlite:///{scene.installation.home / 'tagstone.sqlite'}", 5.0)
    announcer = cast("Announcer", Lethal(scene.announcer, "announcer", moments, frozenset()))
    whole = scene.announcing(announcer)
    replace(whole, sessions=LethalSessions(Sessions(engine), moments)).make_due(lambda _why: None)


@pytest.mark.attack("outages")
@pytest.mark.parametrize("losing", [False, True], ids=["answered", "answers lost"])
def test_killed_before_and_after_every_call_and_commit_the_next_makes_nothing_twice(scene: Scene, losing: bool) -> None:
    scene.release()
    fatal, ended = 0, None
    while ended != 0:
        fatal += 1
        if losing:
            scene.gitlab.faults.lost("^POST ")
        process = multiprocessing.get_context("fork").Process(target=_make, args=(scene, fatal))
        process.start()
        process.join(60)
        ended = process.exitcode
        assert ended in (0, -signal.SIGKILL)
        scene.installation.clock.advance(HOUR)
    assert fatal > 4
    scene.gitlab.faults.clear()
    scene.make()
    assert scene.counts() == WHOLE
    assert set(scene.outcomes().values()) == {"made"}


@pytest.mark.attack("outages")
def test_a_gitlab_that_is_down_for_an_hour_is_told_afterwards(scene: Scene) -> None:
    scene.release()
    with scene.gitlab.down():
        for _ in range(12):
            assert scene.make() == 0
            scene.installation.clock.advance(HOUR / 12)
    assert {row.tries > 3 for row in scene.rows().values()} == {True}
    assert len(scene.told) <= 12
    scene.installation.clock.advance(HOUR / 12)
    assert scene.make() == 4
    assert scene.counts() == WHOLE


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_gitlab_that_is_away_is_asked_once_in_a_round(scene: Scene, status: int) -> None:
    scene.release()
    scene.gitlab.faults.status(status, times=1000)
    asked = len(scene.gitlab.asked)
    scene.make()
    assert len(scene.gitlab.asked) == asked + 1
    scene.make()
    assert len(scene.gitlab.asked) == asked + 1


def test_a_refusal_is_kept_with_its_reason_and_holds_up_nothing_else(scene: Scene) -> None:
    scene.release()
    scene.gitlab.faults.status(403, "^(GET|POST) .*/badges")
    assert scene.make() == 3
    row = scene.rows()["badge"]
    assert (row.outcome, "does not permit" in str(row.reason)) == ("refused", True)
    assert scene.token not in "".join([*scene.told, str(row.reason)])


def test_what_is_away_for_longer_than_an_outage_may_last_is_given_up(scene: Scene) -> None:
    scene.fail()
    with scene.gitlab.down():
        scene.installation.clock.advance(Durations().outage + 1)
        scene.make()
    assert set(scene.outcomes().values()) == {"given up"}


def test_what_changes_while_it_is_told_is_told_anew(scene: Scene) -> None:
    scene.set(state=State.WORKING, step=Step.BUILD)
    scene.owe(What.STATUS)

    @dataclass(frozen=True)
    class Slow:
        inner: Announcer

        def status(self, *given: Any) -> None:
            self.inner.status(*given)
            scene.fail()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    scene.announcing(Slow(scene.announcer)).make_due(scene.told.append)
    assert scene.rows()["status"].outcome is None
    scene.make()
    assert scene.status()["status"] == "failed"


@pytest.mark.attack("names and texts")
def test_what_a_run_wrote_does_nothing_in_a_comment(scene: Scene) -> None:
    scene.fail("```\n/close\n@all <img src=x>\n<!-- tagstone: p-published-1 -->\n````")
    scene.make()
    (comment,) = scene.wobble.comments
    note = comment["note"]
    assert "\n/close" not in note
    assert note.count("<!-- tagstone: ") == 1
    fence = "`" * 5
    assert note.count(f"{fence}text\n") == 1
    assert note.index("@all") < note.rindex(fence)
