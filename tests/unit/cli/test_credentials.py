"""credentials and doctor: every credential is listed and looked at, and comes out nowhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.fernet import Fernet

from fakes.depository import FakeDepository, OneDepository
from fakes.gitlab.server import FakeGitlab, running_gitlab
from fakes.gitlab.state import OWNER, Project
from fakes.installation import NOW
from fakes.issuer import Issuer, issuing
from servers.smtp import MailServer, mail_server
from tagstone.adapters.vault import FernetVault
from tagstone.settings import Settings
from tagstone.store.tables import Account, ApiToken, Hook, Person, Registration

CANARY = "canary-7f3a9e51c2"
DAY = 86_400.0


@dataclass
class Place:
    """A service with every kind of credential, before servers that know them."""

    tagstone: Any
    gitlab: FakeGitlab
    issuer: Issuer
    mail: MailServer
    wobble: Project
    own: str
    lent: str
    secrets: list[str]

    def listed(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.tagstone.json("credentials")["credentials"]}

    def found(self) -> dict[str, dict[str, Any]]:
        return {one["check"]: one for one in self.tagstone.json("doctor")["checks"]}


@pytest.fixture
def place(tagstone: Any, tmp_path: Path) -> Iterator[Place]:
    with running_gitlab(tmp_path / "gitlab") as gitlab, issuing() as issuer, mail_server() as mail:
        mail.answers |= {"EHLO": b"250-mail.example\r\n250 AUTH PLAIN", "AUTH": b"235 welcome"}
        yield built(tagstone, gitlab, issuer, mail)


def built(tagstone: Any, gitlab: FakeGitlab, issuer: Issuer, mail: MailServer) -> Place:
    ada = gitlab.person("ada")
    wobble = gitlab.project("stars/wobble", owner=ada)
    gitlab.member(wobble, ada, OWNER)
    own = gitlab.personal_token(ada, ["read_api"], seconds=20 * DAY)
    lent = gitlab.project_token(wobble, ["api"], seconds=200 * DAY)
    key, hooks = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings = Settings(
        _site=None,
        home=tagstone.installation.home,
        forges={"lab": {"url": gitlab.url, "token": own, "registry": "registry.invalid", "registry_token": f"{CANARY}-pull"}},
        depositories={"zenodo": {"url": "https://zenodo.org", "token": f"{CANARY}-zenodo"}},
        builds={
            "registry": "127.0.0.1:9",
            "registry_insecure": True,
            "registry_user": "u",
            "registry_password": f"{CANARY}-push",
        },
        inputs={"https_proxy": f"http://u:{CANARY}-proxy@127.0.0.1:9"},
        mail={"host": "localhost", "port": mail.port, "user": "u", "password": f"{CANARY}-mail", "starttls": False},
        sign_in={"issuer": issuer.url, "client": "tagstone", "secret": f"{CANARY}-oidc"},
        secret_keys=[key, Fernet.generate_key().decode()],
        hook_keys=[hooks],
    )
    tagstone.application.settings = settings
    vault = FernetVault([key])
    parts = {"vault": vault, "depositories": OneDepository(FakeDepository(), registered=True)}
    # What else doctor looks for is no matter here, and takes its time.
    parts |= {"containers": "an engine", "builder": SimpleNamespace(name="podman"), "runner": SimpleNamespace(name="podman")}
    tagstone.application.__dict__.update(parts)
    tagstone.application.forges.__dict__["job_registries"] = {"lab": object()}
    with tagstone.installation.sessions.write() as session:
        made = tagstone.installation
        session.add(
            Account(name="team", depository="zenodo", owner="The Team", token=vault.seal(f"{CANARY}-a"), created_at=NOW)
        )
        session.add(Person(id=1, issuer="i", subject="5", name="ada", created_at=NOW, seen_at=NOW))
        session.flush()
        token = ApiToken(digest="d" * 64, person_id=1, name="laptop", scopes='["read"]', created_at=NOW, expires_at=NOW + DAY)
        token.used_at = NOW - 60
        session.add(token)
        row = Registration(forge="lab", remote=wobble.id, path="stars/wobble", standing="active", builder="ci", since=NOW)
        row.asked_by, row.token, row.project_id = "ada", vault.seal(lent), project(session)
        session.add(row)
        session.flush()
        hook = Hook(id="0123456789abcdef" * 2, forge="lab", scope="project", registration_id=row.id, created_at=NOW)
        hook.signing = FernetVault([hooks], "x").seal(f"{CANARY}-hook")
        session.add(hook)
        assert made.clock.now() == NOW
    return Place(tagstone, gitlab, issuer, mail, wobble, own, lent, [own, lent, key, hooks, CANARY, "d" * 64])


def project(session: Any) -> int:
    from tagstone.store.tables import Project as Row

    row = Row(key="lab/stars/wobble", name="wobble", location="gitlab:lab/1", url=None, created_at=NOW)
    session.add(row)
    session.flush()
    return row.id


NAMES = [
    "forge lab",
    "registry of forge lab",
    "depository zenodo",
    "registry",
    "mail",
    "sign-in client",
    "secret key 1",
    "secret key 2",
    "hook key 1",
    "proxy TAGSTONE_INPUTS__HTTPS_PROXY",
    "account team",
    "hook 01234567",
    "token 1",
]


def test_every_credential_is_listed_with_scope_and_place(place: Place) -> None:
    listed = place.listed()
    assert list(listed) == [*NAMES[:11], f"project lab/{place.wobble.id}", *NAMES[11:]]
    assert all(one["scope"] and one["place"] for one in listed.values())
    assert listed["forge lab"]["place"] == "TAGSTONE_FORGES__LAB__TOKEN"
    assert listed["token 1"] | {"scope": ""} == listed["token 1"] | {"scope": "", "expires_at": NOW + DAY, "used_at": NOW - 60}


def test_none_of_them_is_ever_told(place: Place) -> None:
    for arguments in (["credentials"], ["credentials", "--look"], ["credentials", "--json"], ["doctor"], ["doctor", "--json"]):
        said = place.tagstone(*arguments).output
        assert said
        assert not [secret for secret in place.secrets if secret in said], arguments


def test_doctor_says_what_each_may_and_what_it_lacks(place: Place, current: None) -> None:
    found = place.found()
    assert (found["forge lab"]["verdict"], found["forge lab"]["text"]) == ("fault", "It lacks read_repository.")
    assert "TAGSTONE_FORGES__LAB__TOKEN" in found["forge lab"]["remedy"]
    assert found[f"project lab/{place.wobble.id}"]["text"].startswith("may api, until ")
    assert (found["mail"]["verdict"], found["sign-in client"]["verdict"]) == ("ok", "ok")
    assert (found["depository zenodo"]["verdict"], found["account team"]["verdict"]) == ("ok", "ok")
    assert found["registry of forge lab"]["text"].startswith("GitLab does not accept the token")
    assert found["registry"]["verdict"] == "warning", "nobody answers at its address, which says nothing of the password"


def test_doctor_warns_of_what_ends_soon_and_finds_what_has_gone(place: Place, current: None) -> None:
    next(token for token in place.gitlab.world.tokens if token.value == place.own).scopes = frozenset(("api",))
    place.tagstone.installation.clock.advance(place.gitlab.world.now() - NOW)
    assert place.found()["forge lab"]["verdict"] == "warning"
    place.gitlab.revoke(place.own)
    place.mail.answers["AUTH"] = b"535 no"
    place.issuer.changes["discovery"] = {"issuer": "https://somebody.else"}
    found = place.found()
    assert {found[name]["verdict"] for name in ("forge lab", "mail", "sign-in client")} == {"fault"}
    assert place.listed()["forge lab"]["fault"].startswith("GitLab does not accept the token")


def test_doctor_finds_keys_that_do_not_open_what_rests(place: Place, current: None) -> None:
    found = place.found()
    assert found["secret key 1"]["text"] == "may open all 2 tokens that rest"
    assert found["hook key 1"]["text"] == "may open all 1 tokens that rest"
    place.tagstone.application.__dict__["vault"] = FernetVault([Fernet.generate_key().decode()])
    place.tagstone.application.forges.__dict__["vault_of_hooks"] = FernetVault([Fernet.generate_key().decode()])
    found = place.found()
    broken = ("secret key 1", "hook key 1", "account team", f"project lab/{place.wobble.id}")
    assert {found[name]["verdict"] for name in broken} == {"fault"}


def test_looking_is_no_use_and_reading_is(place: Place, current: None) -> None:
    place.found()
    assert place.listed()["forge lab"]["used_at"] is None
    place.tagstone.application.forges.projects.project("lab", "stars/wobble")
    assert place.listed()["forge lab"]["used_at"] == NOW
    place.tagstone.application.forges.projects.project("lab", place.wobble.id)
    assert place.listed()[f"project lab/{place.wobble.id}"]["used_at"] == NOW


def test_a_service_without_any_lists_none(tagstone: Any) -> None:
    assert tagstone.json("credentials") == {"credentials": []}


@pytest.fixture
def current(place: Place) -> None:
    """The tables are this version's, which doctor wants to see before it looks into them."""
