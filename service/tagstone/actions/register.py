"""Register a forge's project: hook, protected tags and row in one go, each looked up before it is made; and take it back.

What is to be made at the forge is written down before, so that asked again after a fault it is found, and not made twice.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from tagstone.actions.keep_accounts import bind
from tagstone.actions.keep_hooks import new_signing_token
from tagstone.domain.code.project_url import normalised
from tagstone.domain.code.source import ProjectIdentity
from tagstone.domain.forges import request
from tagstone.domain.forges.registration import HookScope, ImageBuilder, Standing, What, patterns
from tagstone.domain.forges.remote import RemoteProject
from tagstone.domain.people.deed import Actor, Deed
from tagstone.domain.publications.policy import Policy
from tagstone.domain.runs.caps import Caps, dump, load
from tagstone.errors import Conflict, Forbidden, Invalid, NotFound
from tagstone.ports import Clock, ForgeProjects, Registrar, Vault
from tagstone.store import audit, hooks, notices, people, projects, registrations
from tagstone.store.session import Sessions
from tagstone.store.tables import Hook, Registration

_PROTECTED = "v*"
_RESTING = (Standing.REFUSED, Standing.ENDED)


@dataclass(frozen=True)
class Asking:
    """What is asked for: the project (number or path) at a forge, by whom images are built, which tags are published, who asks.

    `announces` is what the service writes into the project, with the access token that it lends; `lent` None: the one of before.
    """

    forge: str
    which: int | str
    builder: ImageBuilder
    patterns: tuple[str, ...]
    who: Actor
    announces: frozenset[What] = frozenset()
    lent: str | None = field(default=None, repr=False)
    rotates: bool = True
    note: str = ""


@dataclass(frozen=True)
class Granted:
    """What a curator grants: the account that records are deposited with, and caps on hardware; None leaves what was said before."""

    account: str | None = None
    caps: Caps | None = None


@dataclass(frozen=True)
class Registered:
    """What was done, a line each, and what stays to be done by a person."""

    registration: int
    project: RemoteProject
    done: tuple[str, ...]


@dataclass(frozen=True)
class Registering:
    """Registers projects; `hooks_at` is the address of the receivers, where hooks deliver.

    `hook_vault` seals the tokens of hooks, `vault` those that projects lend. `page` is where requests are looked at, `contact` the
    address that hears of them where no curator's is known.
    """

    sessions: Sessions
    projects: ForgeProjects
    hook_vault: Vault
    clock: Clock
    hooks_at: str
    vault: Vault
    policy: Policy = field(default_factory=Policy)
    page: str = ""
    contact: str | None = None

    def ask(self, asking: Asking) -> Registered:
        """Write down that a project is to be registered; a curator grants it. Raises: NotFound, Conflict where it is granted."""
        project = self.projects.project(asking.forge, asking.which)
        with self.sessions.write() as session:
            row = registrations.of_remote(session, project.forge, project.number)
            if row is not None and row.standing == Standing.ACTIVE:
                raise Conflict(f"{project.path} is registered.", remedy="`tagstone register` again changes how.")
            new = row is None or row.standing != Standing.ASKED
            row = self._row(session, project, asking)
            row.standing, row.note, row.refused_because = Standing.ASKED, asking.note, None
            row.asked_by, row.asker = asking.who.name, asking.who.person
            audit.write(session, self.clock.now(), asking.who, Deed.REGISTRATION_ASKED, project.path, _about(asking))
            if new:
                self._tell_curators(session, row)
            return Registered(row.id, project, (f"{project.path} waits for a curator",))

    def grant(self, asking: Asking, registrar: Registrar, granted: Granted | None = None) -> Registered:
        """Register a project, or set up anew what is missing of it; a curator's word. Raises: NotFound, Forbidden, Away."""
        project = self.projects.project(asking.forge, asking.which)
        before = json.dumps([tag.name for tag in self.projects.tags(project)])
        with self.sessions.write() as session:
            row = self._row(session, project, asking)
            given = self._activate(session, row, project.location, before, granted or Granted(), asking.who)
            about = "; ".join((_about(asking), *given))
            audit.write(session, self.clock.now(), asking.who, Deed.REGISTERED, project.path, about)
            if asking.lent is not None:
                row.token, row.token_expires_at, row.rotating_at = self.vault.seal(asking.lent), None, None
                how = "may be rotated" if asking.rotates else "is kept as it is"
                audit.write(session, self.clock.now(), asking.who, Deed.TOKEN_LENT, project.path, how)
            row.rotates = asking.rotates
            registration = row.id
        done = [f"{project.path} is registered; its images are built by {_whom(asking.builder)}", *given]
        done += self._set_up(project, registration, asking.patterns, registrar, asking.who)
        done.append(f"this service writes there: {', '.join(sorted(asking.announces)) or 'nothing'}")
        return Registered(registration, project, tuple(done))

    def grant_asked(self, number: int, granted: Granted, by: Actor) -> None:
        """Grant what was asked for; a maintainer sets hook and protected tags up. Raises: NotFound, Conflict, Away."""
        with self.sessions.read() as session:
            row = _asked(session, number)
        project = self.projects.project(row.forge, row.remote)
        before = json.dumps([tag.name for tag in self.projects.tags(project)])
        with self.sessions.write() as session:
            row = _asked(session, number)
            given = self._activate(session, row, project.location, before, granted, by)
            audit.write(
                session, self.clock.now(), by, Deed.REGISTERED, row.path, f"asked for by {row.asked_by}; {'; '.join(given)}"
            )

    def refuse(self, number: int, reason: str, by: Actor) -> None:
        """Refuse what was asked for. Raises: NotFound, Conflict, Invalid without a reason."""
        if not reason.strip():
            raise Invalid("No reason is given.", remedy="Say why: who asked is told.")
        with self.sessions.write() as session:
            row = _asked(session, number)
            row.standing, row.refused_because = Standing.REFUSED, reason.strip()
            audit.write(session, self.clock.now(), by, Deed.REGISTRATION_REFUSED, row.path, reason.strip())
            self._tell_asker(session, row, *request.refused(self._request(row), reason))

    def set_up(self, number: int, registrar: Registrar, by: Actor) -> tuple[str, ...]:
        """Set up hook and protected tags of a project that was granted; what was done. Raises: NotFound, Conflict, Forbidden, Away."""
        with self.sessions.read() as session:
            row = registrations.numbered(session, number)
        if row.standing != Standing.ACTIVE:
            raise Conflict(f"{row.path} is not registered.", remedy="Wait until a curator has granted it.")
        project = self.projects.project(row.forge, row.remote)
        return tuple(self._set_up(project, number, patterns(row.tags), registrar, by))

    def _set_up(
        self, project: RemoteProject, registration: int, wanted: Sequence[str], registrar: Registrar, by: Actor
    ) -> list[str]:
        with self.sessions.write() as session:
            hook = self._hook(session, session.get_one(Registration, registration))
        number = registrar.hook(project, f"{self.hooks_at}/hooks/{hook.id}", self.hook_vault.unseal(hook.signing or ""))
        with self.sessions.write() as session:
            session.get_one(Hook, hook.id).remote = number
            about = f"hook {number} of {project.path} at {project.forge}"
            audit.write(session, self.clock.now(), by, Deed.HOOK_MADE, hook.id, about)
        done = [f"hook {number} delivers tags, releases and pipelines, signed"]
        for pattern in wanted or (_PROTECTED,):
            made = registrar.protect(project, pattern)
            done.append(f"tags {pattern} {'are now' if made else 'were already'} protected")
        return done

    def _activate(
        self, session: Session, row: Registration, location: str, before: str, granted: Granted, by: Actor
    ) -> tuple[str, ...]:
        """Let a registration count; what was given with it, a line each. `before` are the tags that there are now, as JSON."""
        asked = row.standing == Standing.ASKED
        project = projects.get(session, row.project_id)
        if row.standing != Standing.ACTIVE:
            row.since, row.tags_before = self.clock.now(), before
            project.location = location
        row.standing, row.granted_by, row.refused_because = Standing.ACTIVE, by.name, None
        given = []
        if granted.account:
            depository, _ = bind(session, self.policy, self.clock.now(), project, granted.account, by)
            given.append(f"its records at {depository} are deposited with the account {granted.account}")
        if granted.caps is not None:
            row.caps = dump(granted.caps)
            given.append(f"its runs have {granted.caps}")
        if asked:
            self._tell_asker(session, row, *request.granted(self._request(row), granted.account or "", str(load(row.caps))))
        return tuple(given)

    def _request(self, row: Registration) -> request.About:
        return request.About(row.path, row.forge, row.asked_by, row.note, self.page)

    def _tell_curators(self, session: Session, row: Registration) -> None:
        subject, text = request.asked(self._request(row))
        for address in people.curators_addresses(session) or ([self.contact] if self.contact else []):
            notices.owe(session, address, subject, text, self.clock.now())

    def _tell_asker(self, session: Session, row: Registration, subject: str, text: str) -> None:
        address = people.get(session, row.asker).email if row.asker is not None else None
        if address is not None:
            notices.owe(session, address, subject, text, self.clock.now())

    def end(self, forge: str, which: int | str, registrar: Registrar, by: Actor) -> tuple[str, ...]:
        """Take a registration back: hook and lent token go, what is published stays; what was done. Raises: NotFound, Away."""
        project = self.projects.project(forge, which)
        with self.sessions.read() as session:
            row = registrations.of_remote(session, forge, project.number)
            if row is None or row.standing in _RESTING:
                raise NotFound(f"{project.path} is not registered.", remedy="`tagstone registrations` lists those that are.")
            ours = hooks.of_registration(session, row.id)
        for hook in ours:
            if hook.remote is not None:
                registrar.unhook(project, hook.remote)
        with self.sessions.write() as session:
            ended = session.get_one(Registration, row.id)
            ended.standing, ended.token, ended.token_expires_at, ended.rotating_at = Standing.ENDED, None, None, None
            audit.write(session, self.clock.now(), by, Deed.UNREGISTERED, project.path, f"{project.number} at {forge}")
            for hook in ours:
                session.delete(session.get_one(Hook, hook.id))
        return (
            f"{project.path} is registered no more",
            *(f"hook {hook.remote} is removed" for hook in ours if hook.remote is not None),
            "tags stay protected, and what is published stays",
        )

    def _row(self, session: Session, project: RemoteProject, asking: Asking) -> Registration:
        row = registrations.of_remote(session, project.forge, project.number)
        if row is None:
            row = Registration(forge=project.forge, remote=project.number, standing=Standing.ASKED, since=self.clock.now())
            identity = _identity(project)
            # Where its code is read from stays as it is until a curator says so.
            ours = projects.find(session, identity.key) or projects.ensure(session, identity, self.clock.now())
            row.project_id = ours.id
            session.add(row)
        row.path, row.builder, row.tags = project.path, asking.builder, json.dumps(_plain(asking.patterns))
        row.asked_by = row.asked_by or asking.who.name
        row.announces = json.dumps(sorted(asking.announces))
        session.flush()
        return row

    def _hook(self, session: Session, row: Registration) -> Hook:
        """The registration's hook with a signing token of its own, the earlier one where there is one."""
        earlier = hooks.of_registration(session, row.id)
        if earlier:
            return earlier[0]
        hook = Hook(id=secrets.token_hex(16), forge=row.forge, scope=HookScope.PROJECT, registration_id=row.id)
        hook.signing, hook.created_at = self.hook_vault.seal(new_signing_token()), self.clock.now()
        session.add(hook)
        session.flush()
        return hook


def _asked(session: Session, number: int) -> Registration:
    row = registrations.numbered(session, number)
    if row.standing != Standing.ASKED:
        raise Conflict(
            f"{row.path} is {row.standing}, and not asked for.", remedy="`tagstone registrations` says how it stands."
        )
    return row


def _identity(project: RemoteProject) -> ProjectIdentity:
    key = normalised(project.url)
    if key is None:
        raise Forbidden(
            f"The forge says that {project.path[:200]} is at no web address.", remedy="Look at the forge's settings."
        )
    return ProjectIdentity(key, project.path.rpartition("/")[2], project.location, project.url)


def _plain(patterns: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(patterns))


def _about(asking: Asking) -> str:
    tags = ", ".join(asking.patterns) or "versions"
    writes = ", ".join(sorted(asking.announces)) or "nothing"
    lent = ", lends a token" if asking.lent is not None else ""
    return f"at {asking.forge}, images by {_whom(asking.builder)}, tags: {tags}, writes there: {writes}{lent}"


def _whom(builder: ImageBuilder) -> str:
    return "its own pipeline" if builder is ImageBuilder.CI else "this service"
