"""A real worker looks after credentials: it warns before one ends, and rotates what a project lends, with real servers around it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.gitlab.server import FakeGitlab, running_gitlab
from fakes.gitlab.state import OWNER, Project
from servers.smtp import MailServer, mail_server
from tagstone.adapters.vault import FernetVault, new_key
from tagstone.bootstrap import Application
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.settings import Settings
from tagstone.store import registrations
from tagstone.store.tables import Project as ProjectRow
from tagstone.store.tables import Registration

DAY = 86_400.0
PATIENCE = 120.0


@dataclass
class Site:
    """A home, the variables of its processes, and what they reach."""

    home: Path
    gitlab: FakeGitlab
    mail: MailServer
    wobble: Project
    own: str
    lent: str
    key: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "TAGSTONE_HOME": str(self.home),
            "TAGSTONE_FORGES__LAB__URL": self.gitlab.url,
            "TAGSTONE_FORGES__LAB__TOKEN": self.own,
            "TAGSTONE_SECRET_KEYS": json.dumps([self.key]),
            "TAGSTONE_MAIL__HOST": "localhost",
            "TAGSTONE_MAIL__PORT": str(self.mail.port),
            "TAGSTONE_MAIL__STARTTLS": "false",
            "TAGSTONE_MAIL__ADMINS": '["root@example.org"]',
            "TAGSTONE_WAITS__RECOVERY": "0.3",
        }

    def register(self) -> None:
        """Let the project lend its token."""
        application = Application(Settings(home=self.home, _site=None))
        with application.sessions.write() as session:
            project = ProjectRow(key="lab/stars/wobble", name="wobble", location=f"gitlab:lab/{self.wobble.id}", created_at=1.0)
            session.add(project)
            session.flush()
            row = Registration(forge="lab", remote=self.wobble.id, path="stars/wobble", project_id=project.id, asked_by="ada")
            row.standing, row.builder, row.since = Standing.ACTIVE, ImageBuilder.CI, time.time()
            row.token = FernetVault([self.key]).seal(self.lent)
            session.add(row)
        application.engine.dispose()

    def kept(self) -> str:
        """The token that the project lends now."""
        application = Application(Settings(home=self.home, _site=None))
        with application.sessions.read() as session:
            sealed = registrations.lending(session)[0].token
        application.engine.dispose()
        return FernetVault([self.key]).unseal(sealed or "")

    def told(self, *arguments: str) -> str:
        command = [sys.executable, "-P", "-m", "tagstone", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_gitlab(tmp_path / "gitlab") as gitlab, mail_server() as mail:
        ada = gitlab.person("ada")
        wobble = gitlab.project("stars/wobble")
        gitlab.member(wobble, ada, OWNER)
        own = gitlab.personal_token(ada, ["read_api", "read_repository"], seconds=6 * DAY)
        lent = gitlab.project_token(wobble, ["api"], level=30, seconds=5 * DAY)
        made = Site(tmp_path / "home", gitlab, mail, wobble, own, lent, new_key())
        made.register()
        yield made


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.2)


def test_a_worker_warns_rotates_and_tells_nobody_a_secret(site: Site) -> None:
    command = [sys.executable, "-P", "-m", "tagstone", "worker"]
    with subprocess.Popen(command, env=site.environment, stderr=subprocess.PIPE, text=True) as worker:
        try:
            until(lambda: any(token.revoked for token in site.gitlab.world.tokens) and bool(site.mail.letters))
            until(lambda: site.kept() != site.lent)
        finally:
            worker.terminate()
            said = worker.communicate(timeout=30)[1]
    new = site.kept()
    good = [token.value for token in site.gitlab.world.tokens if token.project == site.wobble.id and not token.revoked]
    assert good == [new]
    (letter,) = site.mail.letters
    assert letter["To"] == "root@example.org"
    assert "forge lab ends on" in letter["Subject"], "what is rotated by itself is nobody's trouble"
    assert "a credential needs somebody to look at it" in said
    audited = site.told("audit", "--json")
    assert [one["deed"] for one in json.loads(audited)["entries"]] == ["token-rotated"]
    listed = site.told("credentials", "--json")
    by_name = {one["name"]: one for one in json.loads(listed)["credentials"]}
    assert by_name[f"project lab/{site.wobble.id}"]["expires_at"] > time.time() + 300 * DAY
    everything = said + letter.as_string() + audited + listed
    assert not [secret for secret in (site.own, site.lent, new, site.key) if secret in everything]
