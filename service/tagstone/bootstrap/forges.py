"""Builds what speaks to GitLabs, and what works with what they say."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tagstone.actions.announce import Announcing
    from tagstone.actions.reconcile import Reconciliation
    from tagstone.actions.register import Registering
    from tagstone.actions.requests import Requests
    from tagstone.actions.take_delivery import TakeDeliveries
    from tagstone.adapters.gitlab.client import GitlabSites
    from tagstone.bootstrap.application import Application
    from tagstone.ports import Announcer, Forge, ForgeProjects, Registrar, Registry, Vault


class Forges:
    """Everything one process may need to work with the forges of its site, each part built when it is first asked for."""

    def __init__(self, application: Application) -> None:
        self._whole = application

    @cached_property
    def gitlabs(self) -> GitlabSites:
        """The GitLabs of this site, by name."""
        from tagstone.adapters.gitlab.client import GitlabSite, GitlabSites

        sites = {
            name: GitlabSite(
                url=site.url,
                token=site.token.get_secret_value() if site.token else None,
                token_file=site.token_file,
                site_ca=site.site_ca,
                silence=site.silence,
            )
            for name, site in self._whole.settings.forges.items()
        }
        return GitlabSites(sites, lambda name: self._whole.credentials.note(f"forge {name}"))

    @cached_property
    def projects(self) -> ForgeProjects:
        """What forges say of the projects that are registered."""
        from tagstone.adapters.gitlab.projects import GitlabProjects

        return GitlabProjects(self.gitlabs, self.lent_token)

    @cached_property
    def mirror(self) -> Forge:
        """The code of projects, fetched by Git."""
        from tagstone.adapters.gitlab.mirror import GitlabMirror

        return GitlabMirror(self._whole.home / "mirrors", self.gitlabs, self.projects, self.lent_token)

    @cached_property
    def announcer(self) -> Announcer:
        """What writes into projects at forges."""
        from tagstone.adapters.gitlab.announcer import GitlabAnnouncer

        return GitlabAnnouncer(self.gitlabs, self.lent_token)

    @cached_property
    def registrar(self) -> Registrar:
        """What sets projects up at forges, with the tokens that they lent."""
        from tagstone.adapters.gitlab.registrar import GitlabRegistrar

        return GitlabRegistrar(self.gitlabs, self._whole.clock, self.lent_token)

    @cached_property
    def vault_of_hooks(self) -> Vault:
        """What seals the tokens of hooks: with keys of their own, since receivers have them too."""
        from tagstone.adapters.vault import FernetVault

        return FernetVault([key.get_secret_value() for key in self._whole.settings.hook_keys], "TAGSTONE_HOOK_KEYS")

    @property
    def taking(self) -> TakeDeliveries:
        """What takes deliveries of hooks."""
        from tagstone.actions.take_delivery import TakeDeliveries

        whole = self._whole
        patience = whole.durations.pipeline
        return TakeDeliveries(whole.sessions, whole.queue, whole.forge, self.projects, whole.clock, patience)

    @property
    def reconciliation(self) -> Reconciliation:
        """What finds the tags that no hook told of."""
        from tagstone.actions.reconcile import Reconciliation

        whole = self._whole
        return Reconciliation(whole.sessions, whole.queue, self.projects, whole.clock)

    @property
    def announcing(self) -> Announcing:
        """What tells forges how publications of their projects stand."""
        from tagstone.actions.announce import Announcing

        whole = self._whole
        return Announcing(whole.sessions, self.announcer, self.projects, whole.clock, whole.durations, whole.url)

    @property
    def registering(self) -> Registering:
        """What registers projects of forges."""
        from tagstone.actions.register import Registering

        whole = self._whole
        return Registering(
            whole.sessions,
            self.projects,
            self.vault_of_hooks,
            whole.clock,
            self.hooks_at,
            whole.vault,
            whole.policy,
            f"{whole.url}/registrations",
            whole.settings.site.contact,
        )

    @property
    def hooks_at(self) -> str:
        """The address at which forges reach the receiver."""
        receiving = self._whole.settings.receiving
        own = self._whole.url if receiving.port is None else f"http://{receiving.host}:{receiving.port}"
        return (receiving.url or own).rstrip("/")

    @property
    def requests(self) -> Requests:
        """What people ask for and decide about registrations."""
        from tagstone.actions.requests import Requests

        return Requests(self.registering, self.registrar_with, tuple(sorted(self._whole.settings.forges)))

    def registrar_with(self, token: str) -> Registrar:
        """What sets projects up at forges with a maintainer's own token, which is kept nowhere."""
        from tagstone.adapters.gitlab.registrar import GitlabRegistrar

        return GitlabRegistrar(self.gitlabs, self._whole.clock, lambda *_: token)

    def lent_token(self, forge: str, number: int) -> str | None:
        """The access token that a registered project lent us; None where it lent none."""
        if not self._whole.settings.secret_keys:
            return None
        from tagstone.bootstrap.credentials import lent_name
        from tagstone.store import registrations

        with self._whole.sessions.read() as session:
            row = registrations.of_remote(session, forge, number)
            sealed = row.token if row else None
        if not sealed:
            return None
        self._whole.credentials.note(lent_name(forge, number))
        return self._whole.vault.unseal(sealed)

    @cached_property
    def job_registries(self) -> Mapping[str, Registry]:
        """The registries of forges that pipelines push into, by the forges' names; of each project its own path is read alone."""
        from tagstone.adapters.oci_registry import OciRegistry

        found: dict[str, Registry] = {}
        for name, site in self._whole.settings.forges.items():
            if site.registry is not None:
                # GitLab takes any name beside a token.
                credentials = ("tagstone", site.registry_token.get_secret_value()) if site.registry_token else None
                found[name] = OciRegistry(self._whole.http, site.registry, site.registry_insecure, credentials=credentials)
        return found
