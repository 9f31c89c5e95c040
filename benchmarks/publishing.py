"""Publishing the demo beside a shell script that does the same, and a second tag whose environment is known.

What build and run themselves take is measured apart on both sides: they fetch packages and compute, and vary by more than the
rest takes. What is compared is everything around them; of build and run the shortest that was seen counts for both.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.example import commit, make_repository
from benchmarks.measure import seconds
from benchmarks.table import Line
from servers.bases import debian_base
from servers.mounts import unmount_below
from tagstone.actions.rebuild import bring_base
from tagstone.adapters.build_jobs import CA_LINES
from tagstone.bootstrap import Application
from tagstone.domain.environments import containerfile
from tagstone.domain.environments.build import BaseImage
from tagstone.domain.publications import record
from tagstone.domain.publications.record import Facts
from tagstone.settings import Settings
from tagstone.store import publications
from tagstone.store import steps as journal
from tagstone.store.session import Sessions

_TIMES = 2
_TAGS = 3
_TAG = "v1.0.0"
_SCRIPT = Path(__file__).with_name("by_hand.sh")
_CA = Path("/etc/ssl/certs/ca-certificates.crt")
_CONFINED = '[containers]\ndefault_ulimits = []\nhttp_proxy = false\n[engine]\nevents_logger = "file"\nlock_type = "file"\n'


@dataclass(frozen=True)
class Took:
    """Seconds: the whole, and of it what build and run themselves took."""

    whole: float
    engine: float

    @property
    def around(self) -> float:
        """Everything but build and run."""
        return self.whole - self.engine


def measure(folder: Path) -> list[Line]:
    """At most 2 s and 10 % over the script; a second tag has its image within a second, without a build."""
    repository = make_repository(folder / "demo")
    ours, by_hand = [], []
    try:
        for turn in range(_TIMES):
            home = folder / f"home-{turn}"
            took, facts = _published(home, repository)
            ours.append(took)
            by_hand.append(_done_by_hand(folder / f"by-hand-{turn}", home, repository, facts))
        again = min(_second_tag(home, repository, number) for number in range(1, _TAGS + 1))
    finally:
        unmount_below(folder)
    best, peer = (min(took.around for took in tries) for tries in (ours, by_hand))
    common = min(took.engine for took in (*ours, *by_hand))
    return [
        Line("publish the demo, around build and run | by hand", best, peer, "s", "<= 2 s more", best <= peer + 2),
        Line(
            "publish the demo | by hand", common + best, common + peer, "s", "<= 1.10", common + best <= 1.1 * (common + peer)
        ),
        Line("image of a second tag, environment unchanged", again, None, "s", "< 1 s", again < 1),
    ]


def _published(home: Path, repository: Path) -> tuple[Took, Facts]:
    """Publish in a new installation that has the base and nothing else."""
    application = Application(Settings(home=home))
    cache, image = debian_base()
    bring_base(replace(application.ports, registry=cache), application.registry, BaseImage("debian:bookworm", image.reference))
    began = time.perf_counter()
    build = 0.0
    with _publish(home, repository, _TAG) as process:
        while process.poll() is None:
            build = _build_seconds(home) or build
            time.sleep(0.02)
    whole = time.perf_counter() - began
    assert process.returncode == 0, (home / "worker.log").read_text()
    facts = _facts(application.sessions, _TAG)
    assert facts.run is not None
    ran = (facts.run.status.finished_at or 0.0) - (facts.run.status.started_at or 0.0)
    return Took(whole, build + ran), facts


def _publish(home: Path, repository: Path, tag: str) -> "subprocess.Popen[bytes]":
    environment = os.environ | {"TAGSTONE_HOME": str(home)} | ({"TAGSTONE_BUILDS__SITE_CA": str(_CA)} if _CA.exists() else {})
    command = [sys.executable, "-m", "tagstone", "publish", str(repository), "--tag", tag, "--json"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _build_seconds(home: Path) -> float | None:
    """How long the builder's child took, once it has ended: from the last file that was laid out for it to its answer."""
    for answer in home.glob("builds/*/exit"):
        try:
            return answer.stat().st_mtime - answer.with_name("Containerfile").stat().st_mtime
        except FileNotFoundError:  # it is being tidied up
            return None
    return None


def _done_by_hand(place: Path, home: Path, repository: Path, facts: Facts) -> Took:
    """The same by the script: the recipe, base, storage driver and command that the publication had."""
    assert facts.image is not None
    assert facts.run is not None
    place.mkdir()
    (place / "containers.conf").write_text(_CONFINED)
    recipe = re.sub(r"^FROM \S+", "FROM localhost/base:here", facts.image.recipe, count=1, flags=re.MULTILINE)
    (place / "Containerfile").write_text(containerfile.render(recipe, [], CA_LINES if _CA.exists() else ()))
    layout = place / "base"
    _export_base(home, facts, layout)
    driver = (home / "builds" / "storage-driver").read_text().strip()
    arguments = [repository, _TAG, f"{layout}:base", place / "Containerfile", _CA, driver, place, *facts.run.spec.command]
    environment = os.environ | {"CONTAINERS_CONF": str(place / "containers.conf")}
    with (place / "log").open("wb") as log:
        call = [str(_SCRIPT), *map(str, arguments)]
        whole = seconds(lambda: subprocess.run(call, check=True, env=environment, stdout=log, stderr=log))
    times = [float(line) for line in (place / "times").read_text().split()]
    for name in ("bundle", "deposit", "code"):
        shutil.rmtree(place / name)
    return Took(whole, times[1] - times[0] + times[3] - times[2])


def _export_base(home: Path, facts: Facts, layout: Path) -> None:
    """The base as a layout of its own, as a person would have it."""
    assert facts.image is not None
    base = facts.image.bases[0].image
    command = ["skopeo", "copy", "--quiet", f"oci:{home / 'images'}:{base.name}:bookworm", f"oci:{layout}:base"]
    subprocess.run(command, check=True)


def _second_tag(home: Path, repository: Path, number: int) -> float:
    """Publish another version that changes the code alone; seconds from the step resolve to the image."""
    tag = f"v1.0.{number}"
    citation = repository / "CITATION.cff"
    citation.write_text(re.sub(r"^version: .*$", f"version: {tag[1:]}", citation.read_text(), flags=re.MULTILINE))
    commit(repository, tag)
    with _publish(home, repository, tag) as process:
        process.wait()
    application = Application(Settings(home=home))
    facts = _facts(application.sessions, tag)
    assert facts.image is not None
    assert not facts.image.built
    with application.sessions.read() as session:
        rows = {row.step: row for row in journal.of(session, facts.publication)}
    began, ended = rows["resolve"].started_at, rows["build"].finished_at
    assert ended is not None
    return ended - began


def _facts(sessions: Sessions, tag: str) -> Facts:
    """What is recorded of a tag's publication."""
    with sessions.read() as session:
        recorded = publications.identify(session, tag).facts
    assert recorded is not None
    return record.load(recorded.encode())
