"""Hostile commits all the way through a worker: each publication fails whole, and no draft or bundle stays."""

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from assets.hostile import texts
from fakes.small_project import MANIFEST, commit, make_repository, put_base
from fakes.trial import Trial, TrialApplication, settings

Spoil = Callable[[Path], object]


@dataclass(frozen=True)
class Attempt:
    """A project that is spoilt, and what its publication has to say."""

    name: str
    says: str
    spoil: Spoil


def _written(name: str, text: str) -> Spoil:
    return lambda folder: (folder / name).write_text(text)


ATTEMPTS = [
    Attempt("a manifest that runs Python", "is a tag", _written("tagstone.yml", texts.MANIFESTS["python-object"].decode())),
    Attempt("a manifest of bombs", "is an anchor", _written("tagstone.yml", texts.MANIFESTS["billion-laughs"].decode())),
    Attempt("no citation", "There is no citation", lambda folder: (folder / "CITATION.cff").unlink()),
    Attempt("outputs that lead elsewhere", "leaves the repository", _written("tagstone.yml", MANIFEST.replace("results/*", "../*"))),
    Attempt("outputs that never come", "No file matches", _written("tagstone.yml", MANIFEST.replace("results/*", "other/*"))),
]  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `home` and `wobble`, to be copied for each attempt."""
    folder = tmp_path_factory.mktemp("template")
    make_repository(folder / "wobble")
    application = TrialApplication(settings(folder / "home", None))
    put_base(application.registry)
    with application.sessions.read():
        pass
    application.engine.dispose()
    return folder


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=[attempt.name for attempt in ATTEMPTS])
def test_a_hostile_publication(
    attempt: Attempt, template: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    folder = tmp_path / "trial"
    shutil.copytree(template, folder, symlinks=True)
    attempt.spoil(folder / "wobble")
    commit(folder / "wobble", "v1.0.0")
    trial = Trial(folder)
    publication = trial.submit()
    assert trial.work() == 0, trial.log()
    state, error, remedy, bundle = _row(folder / "home", publication)
    assert state == "failed"
    assert attempt.says in error
    assert remedy
    assert bundle is None
    for place in ("bundles", "deposits"):
        assert [path for path in (folder / "home" / place).rglob("*") if path.name in ("record.json", "SHA256SUMS")] == []
    assert sorted(path.name for path in folder.iterdir()) == ["home", "wobble"]
    record_property("hostile", f"publications: {attempt.name}\t{error[:110]}\t")


def _row(home: Path, publication: str) -> tuple[str, str, str, str | None]:
    question = "SELECT state, error, remedy, bundle_key FROM publications WHERE id = ?"
    with sqlite3.connect(next(home.glob("*.sqlite"))) as database:
        state, error, remedy, bundle = database.execute(question, (publication,)).fetchone()
    return state, error, remedy, bundle
