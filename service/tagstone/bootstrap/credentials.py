"""Lists every credential that this service has: those of the settings by their variables, those of the database by their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from urllib.parse import urlsplit

from sqlalchemy import make_url

from tagstone.actions.keep_accounts import refusals
from tagstone.actions.look_at_credentials import LookAtCredentials
from tagstone.actions.note_uses import NoteUses
from tagstone.actions.rotate_tokens import BEFORE, RotateTokens
from tagstone.domain.credentials.credential import Credential, Sight
from tagstone.store import accounts, credentials, hooks, people, registrations

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tagstone.bootstrap.application import Application
    from tagstone.settings import DepositorySettings, ForgeSettings

_READING = ("read_api", "read_repository")
_WRITING = ("api",)


@runtime_checkable
class _Checked(Protocol):
    """An adapter that can ask its server whether it takes what we come with."""

    def check(self) -> None:
        """Ask, and change nothing. Raises: Forbidden, Temporary, Permanent."""
        ...


class Credentials:
    """The credentials of one service; what looks at them asks with the adapters of its application."""

    def __init__(self, whole: Application) -> None:
        self._whole = whole
        self._uses: NoteUses | None = None

    def looking(self) -> LookAtCredentials:
        """What looks at credentials, and warns of those that end."""
        settings = self._whole.settings
        return LookAtCredentials(
            self._whole.sessions,
            self._whole.clock,
            self.held,
            settings.site.name,
            tuple(settings.mail.admins),
            settings.site.contact,
        )

    def rotating(self) -> RotateTokens:
        """What rotates the tokens that projects lend."""
        whole, at = self._whole, self._whole.forges
        look = partial(self._at_forge, wants=_WRITING)
        return RotateTokens(whole.sessions, whole.vault, at.projects, at.registrar, look, whole.clock)

    def note(self, name: str) -> None:
        """Note that a credential is used."""
        if self._uses is None:
            self._uses = NoteUses(self._whole.sessions, self._whole.clock)
        self._uses.note(name)

    def held(self) -> Sequence[Credential]:
        """Every credential, in the order of where it is kept."""
        with self._whole.sessions.read() as session:
            return [*self._of_settings(session), *self._of_rows(session)]

    def _of_settings(self, session: Session) -> Iterator[Credential]:
        settings = self._whole.settings
        for name, forge in settings.forges.items():
            yield from self._of_forge(session, name, forge)
        asked = credentials.last_questions(session)
        for name, depository in settings.depositories.items():
            yield from self._of_depository(name, depository, asked.get(name))
        yield from self._of_services(session)
        yield from self._keys(session)
        yield from self._in_addresses()

    def _of_forge(self, session: Session, name: str, forge: ForgeSettings) -> Iterator[Credential]:
        variable = f"TAGSTONE_FORGES__{_upper(name)}__"
        if forge.token is not None or forge.token_file is not None:
            yield Credential(
                f"forge {name}",
                f"reads projects and fetches code at {forge.url} ({', '.join(_READING)})",
                _place(variable + "TOKEN", forge.token, forge.token_file),
                look=partial(self._at_forge, name, None, wants=_READING),
            )
        if forge.registry_token is not None and forge.registry is not None:
            yield Credential(
                f"registry of forge {name}",
                f"pulls what pipelines built from {forge.registry} (read_registry)",
                variable + "REGISTRY_TOKEN",
                used_at=credentials.last_image_of(session, name),
                look=partial(self._of_job_registry, name, forge.registry_token.get_secret_value()),
            )

    def _of_depository(self, name: str, depository: DepositorySettings, used_at: float | None) -> Iterator[Credential]:
        if depository.token is not None or depository.token_file is not None:
            yield Credential(
                f"depository {name}",
                f"deposits and publishes at {depository.url} for {depository.owner}",
                _place(f"TAGSTONE_DEPOSITORIES__{_upper(name)}__TOKEN", depository.token, depository.token_file),
                used_at=used_at,
                look=partial(self._at_depository, name, name, lambda: None),
            )

    def _of_services(self, session: Session) -> Iterator[Credential]:
        settings = self._whole.settings
        builds, mail, sign_in = settings.builds, settings.mail, settings.sign_in
        if builds.registry_password is not None and builds.registry is not None:
            yield Credential(
                "registry",
                f"keeps images in {builds.registry} as {builds.registry_user or 'nobody in particular'} (pull and push)",
                "TAGSTONE_BUILDS__REGISTRY_PASSWORD",
                used_at=credentials.last_build(session),
                look=self._at_registry,
            )
        if mail.password is not None and mail.host is not None:
            yield Credential(
                "mail",
                f"sends letters through {mail.host} as {mail.user or 'nobody'}",
                "TAGSTONE_MAIL__PASSWORD",
                used_at=credentials.last_letter(session),
                look=self._at_mail,
            )
        if sign_in.secret is not None and sign_in.issuer is not None:
            yield Credential(
                "sign-in client",
                f"lets people sign in with {sign_in.issuer} as the client {sign_in.client}",
                "TAGSTONE_SIGN_IN__SECRET",
                used_at=credentials.last_sign_in(session),
                look=self._at_provider,
            )

    def _keys(self, session: Session) -> Iterator[Credential]:
        settings = self._whole.settings
        delivered = max(credentials.last_deliveries(session).values(), default=None)
        for number in range(len(settings.secret_keys)):
            seals = "seals" if number == 0 else "still opens"
            scope, look = f"{seals} the tokens of accounts and projects", None if number else self._tokens_open
            yield Credential(f"secret key {number + 1}", scope, "TAGSTONE_SECRET_KEYS", look=look)
        for number in range(len(settings.hook_keys)):
            seals = "seals" if number == 0 else "still opens"
            scope, used, look = f"{seals} the tokens of hooks", delivered, self._hooks_open
            if number:
                used = look = None
            yield Credential(f"hook key {number + 1}", scope, "TAGSTONE_HOOK_KEYS", used_at=used, look=look)

    def _in_addresses(self) -> Iterator[Credential]:
        """Passwords that stand in addresses."""
        settings = self._whole.settings
        if settings.database.url is not None and make_url(settings.database.url).password is not None:
            yield Credential("database", "reads and writes all rows", "TAGSTONE_DATABASE__URL", used_at=self._whole.clock.now())
        proxies = {
            "TAGSTONE_INPUTS__HTTPS_PROXY": settings.inputs.https_proxy.get_secret_value()
            if settings.inputs.https_proxy
            else "",
            "TAGSTONE_BUILDS__HTTP_PROXY": settings.builds.http_proxy or "",
            "TAGSTONE_BUILDS__HTTPS_PROXY": settings.builds.https_proxy or "",
        }
        for variable, address in proxies.items():
            if urlsplit(address).password is not None:
                yield Credential(f"proxy {variable}", f"passes the proxy {urlsplit(address).hostname}", variable)

    def _of_rows(self, session: Session) -> Iterator[Credential]:
        asked = credentials.last_questions(session)
        for account in accounts.listing(session):
            yield Credential(
                f"account {account.name}",
                f"deposits and publishes at {account.depository} for {account.owner}",
                "the table accounts, sealed by TAGSTONE_SECRET_KEYS",
                used_at=asked.get(account.name),
                look=partial(self._at_depository, account.depository, account.name, partial(self._of_account, account.name)),
            )
        for row in registrations.lending(session):
            yield Credential(
                lent_name(row.forge, row.remote),
                f"writes into {row.path} at {row.forge} what its registration says (api)",
                "the table registrations, sealed by TAGSTONE_SECRET_KEYS",
                row.token_expires_at,
                look=partial(self._lent, row.forge, row.remote),
                # Before that it is rotated.
                warn=BEFORE - 3 if row.rotates else 30,
            )
        yield from self._of_strangers(session)

    def _of_strangers(self, session: Session) -> Iterator[Credential]:
        """What others prove themselves with here."""
        delivered = credentials.last_deliveries(session)
        for hook in hooks.every(session):
            kinds = [kind for kind, held in (("signature", hook.signing), ("token", hook.secret)) if held is not None]
            yield Credential(
                f"hook {hook.id[:8]}",
                f"proves deliveries of a {hook.scope} hook of {hook.forge} ({' and '.join(kinds)})",
                "the table hooks, sealed by TAGSTONE_HOOK_KEYS",
                used_at=delivered.get(hook.id),
            )
        names = {person.id: person.name for person in people.listing(session)}
        now = self._whole.clock.now()
        for token in people.tokens(session):
            if token.revoked_at is None and token.expires_at > now:
                may = ", ".join(sorted(people.scopes(token)))
                scope = f"lets a program of {names[token.person_id]} {may}"
                place = "the table api_tokens, as its sha256"
                yield Credential(f"token {token.id}", scope, place, token.expires_at, token.used_at, warn=None)

    def _at_forge(self, forge: str, token: str | None, wants: Sequence[str]) -> Sight:
        from tagstone.adapters.gitlab.tokens import GitlabTokens

        return GitlabTokens(self._whole.forges.gitlabs).look(forge, token, wants)

    def _lent(self, forge: str, number: int) -> Sight:
        with self._whole.sessions.read() as session:
            sealed = next(
                (row.token for row in registrations.lending(session) if (row.forge, row.remote) == (forge, number)), None
            )
        return self._at_forge(forge, self._whole.vault.unseal(sealed or ""), _WRITING)

    def _of_job_registry(self, forge: str, token: str) -> Sight:
        """The registry takes it; its GitLab says until when it is good."""
        _check(self._whole.forges.job_registries[forge])
        return self._at_forge(forge, token, ("read_registry",))

    def _at_depository(self, depository: str, name: str, token: Callable[[], str | None]) -> Sight:
        return Sight(("deposit", "publish"), refusals(self._whole.depositories, depository, name, token()))

    def _of_account(self, name: str) -> str | None:
        with self._whole.sessions.read() as session:
            row = accounts.find(session, name)
        return None if row is None else self._whole.vault.unseal(row.token)

    def _tokens_open(self) -> Sight:
        """Whether the keys open all that rests sealed. Raises: Forbidden where they do not."""
        with self._whole.sessions.read() as session:
            sealed = [row.token for row in registrations.lending(session)]
            names = [row.name for row in accounts.listing(session)]
        opened = [self._whole.vault.unseal(token or "") for token in sealed] + [self._of_account(name) for name in names]
        return Sight((f"open all {len(opened)} tokens that rest",))

    def _hooks_open(self) -> Sight:
        """The same of hooks. Raises: Forbidden."""
        with self._whole.sessions.read() as session:
            sealed = [held for row in hooks.every(session) for held in (row.signing, row.secret) if held is not None]
        opened = [self._whole.forges.vault_of_hooks.unseal(token) for token in sealed]
        return Sight((f"open all {len(opened)} tokens that rest",))

    def _at_registry(self) -> Sight:
        _check(self._whole.registry)
        return Sight(("sign in",))

    def _at_mail(self) -> Sight:
        _check(self._whole.mail)
        return Sight(("send letters",))

    def _at_provider(self) -> Sight:
        """The provider says who it is; whether it takes the secret shows at the next sign-in."""
        sign_in = self._whole.sign_in
        _check(sign_in.provider if sign_in else None)
        return Sight()


def lent_name(forge: str, number: int) -> str:
    """What the token is called that a project lends."""
    return f"project {forge}/{number}"


def _check(adapter: object) -> None:
    """Let an adapter ask its server whether it takes us. Raises: Forbidden, Temporary, Permanent."""
    if isinstance(adapter, _Checked):
        adapter.check()


def _place(variable: str, token: object, file: Path | None) -> str:
    return variable if token is not None or file is None else f"{variable}_FILE, {file}"


def _upper(name: str) -> str:
    return name.upper().replace("-", "_")
