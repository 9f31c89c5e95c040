"""The one place that builds adapters out of settings. Imports are inside functions: a quick command loads what it needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TYPE_CHECKING, Literal

from tagstone.domain.deposits.deposit import Limits, Publisher
from tagstone.domain.environments.channels import Channels
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.waiting import Durations
from tagstone.errors import Conflict, NotFound
from tagstone.settings import Settings

if TYPE_CHECKING:
    import requests
    from sqlalchemy import Engine

    from tagstone.actions.accounts import Accounts
    from tagstone.actions.base_image import MakeRoot
    from tagstone.actions.drafts import Drafts
    from tagstone.actions.sign_in import SignIn
    from tagstone.adapters.engine_client import Engine as ContainerEngine
    from tagstone.adapters.executor_locks import DatabaseLocks, FileLocks
    from tagstone.adapters.folder_depository import FolderDepository
    from tagstone.adapters.news import News
    from tagstone.bootstrap.clusters import Clusters
    from tagstone.bootstrap.credentials import Credentials
    from tagstone.bootstrap.forges import Forges
    from tagstone.domain.publications.record import SourceFacts
    from tagstone.edges.entrance import Entrance
    from tagstone.ports import (
        Builder,
        Clock,
        Comparer,
        Depositories,
        Downloads,
        Forge,
        History,
        Mail,
        Ports,
        Registry,
        Resolver,
        Runner,
        Storage,
        Vault,
        WorkQueue,
    )
    from tagstone.store.session import Sessions


class Application:
    """Everything one process may need, each part built when it is first asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.home: Path = settings.home.expanduser().absolute()

    @cached_property
    def engine(self) -> Engine:
        """The database engine."""
        from tagstone.store.session import build_engine, database_url

        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return build_engine(database_url(self.settings.database.url, self.home), self.settings.database.lock_timeout)

    @cached_property
    def sessions(self) -> Sessions:
        """Units of work on the database. Raises: Conflict when its tables are not this version's."""
        from tagstone.store.migrations import current, head, upgrade
        from tagstone.store.session import Sessions

        if current(self.engine) != head():
            if self.engine.dialect.name != "sqlite":
                raise Conflict("The database has another version's tables.", remedy="Run `tagstone db upgrade`.")
            upgrade(self.engine)
            self.queue.prepare()
        return Sessions(self.engine)

    @cached_property
    def queue(self) -> WorkQueue:
        """Where work waits for a worker."""
        from tagstone.adapters.workqueue import DurableQueue

        return DurableQueue(self.engine)

    @cached_property
    def locks(self) -> FileLocks | DatabaseLocks:
        """The locks by which workers know each other alive."""
        from tagstone.adapters.executor_locks import build_locks

        return build_locks(self.engine, self.home)

    @cached_property
    def clock(self) -> Clock:
        """The time."""
        from tagstone.adapters.system_clock import SystemClock

        return SystemClock()

    @cached_property
    def news(self) -> News:
        """What this process hears of runs."""
        from tagstone.adapters.news import News

        return News()

    @cached_property
    def forge(self) -> Forge:
        """Git repositories of this machine, and projects at the forges of this site."""
        from tagstone.adapters.forges import SiteForges
        from tagstone.adapters.git import GitForge

        return SiteForges(GitForge(), lambda: self.forges.mirror)

    @cached_property
    def forges(self) -> Forges:
        """What speaks to the GitLabs of this site, and what is done with what they say."""
        from tagstone.bootstrap.forges import Forges

        return Forges(self)

    @cached_property
    def clusters(self) -> Clusters:
        """What runs on the clusters of this site, and their desk."""
        from tagstone.bootstrap.clusters import Clusters

        return Clusters(self)

    @cached_property
    def credentials(self) -> Credentials:
        """Every credential of this service, and what looks after them."""
        from tagstone.bootstrap.credentials import Credentials

        return Credentials(self)

    @cached_property
    def entrance(self) -> Entrance:
        """Who comes in to pages and API, and what they may see."""
        from tagstone.bootstrap import admission

        return admission.entrance(self.settings, self.url, self.sessions, self.clock, self.http, lambda: self.forges.projects)

    @cached_property
    def sign_in(self) -> SignIn | None:
        """How people sign in; None where nobody does. Raises: Invalid where the settings say it only in part."""
        from tagstone.bootstrap import admission

        return admission.sign_in(self.settings, self.url, self.sessions, self.clock, self.http)

    @cached_property
    def history(self) -> History:
        """Who committed to local Git repositories."""
        from tagstone.adapters.git_history import GitHistory

        return GitHistory()

    @cached_property
    def storage(self) -> Storage:
        """Logs, outputs, code archives and bundles."""
        from tagstone.adapters.folder_storage import FolderStorage

        return FolderStorage(self.home / "storage")

    @cached_property
    def downloads(self) -> Downloads:
        """Inputs from the web."""
        from tagstone.adapters.doi_records import DoiRecords
        from tagstone.adapters.downloads import Downloads
        from tagstone.adapters.https_client import HttpsClient

        inputs = self.settings.inputs
        proxy = inputs.https_proxy.get_secret_value() if inputs.https_proxy else None
        client = HttpsClient(
            frozenset(inputs.private_hosts), inputs.site_ca or self.settings.builds.site_ca, proxy, inputs.silence
        )
        records = DoiRecords(client, inputs.doi_hosts, inputs.doi_resolver)
        return Downloads(client, records, max_bytes=inputs.file_bytes, longest=inputs.time, local=inputs.local)

    @cached_property
    def depositories(self) -> Depositories:
        """Every depository of this site, by name."""
        from tagstone.adapters.depositories import InvenioSite, SiteDepositories

        sites = {
            name: InvenioSite(
                url=site.url,
                owner=site.owner,
                limits=self.policy.limits[name],
                registered=site.registered,
                restricted=site.restricted,
                token=site.token.get_secret_value() if site.token else None,
                token_file=site.token_file,
                site_ca=site.site_ca,
                silence=site.silence,
            )
            for name, site in self.settings.depositories.items()
        }
        return SiteDepositories(self.depository, sites, self.clock)

    @property
    def accounts(self) -> Accounts:
        """Finds accounts at depositories."""
        from tagstone.actions.accounts import Accounts

        return Accounts(self.sessions, self.depositories, self.vault, self.policy)

    @property
    def drafts(self) -> Drafts:
        """The drafts that publications and reservations have at depositories."""
        from tagstone.actions.drafts import Drafts

        return Drafts(self.sessions, self.accounts, self.clock)

    @cached_property
    def vault(self) -> Vault:
        """What seals the tokens of projects."""
        from tagstone.adapters.vault import FernetVault

        return FernetVault([key.get_secret_value() for key in self.settings.secret_keys])

    @cached_property
    def resolver(self) -> Resolver:
        """What says where DOIs lead."""
        from tagstone.adapters.doi_resolver import DoiResolver

        return DoiResolver(self.http, self.settings.doi_resolver)

    @cached_property
    def mail(self) -> Mail:
        """Letters to the people who set tags."""
        from tagstone.adapters.smtp import SmtpMail

        mail = self.settings.mail
        password = mail.password.get_secret_value() if mail.password else None
        return SmtpMail(
            mail.host,
            mail.port,
            mail.sender,
            user=mail.user,
            password=password,
            starttls=mail.starttls,
            site_ca=mail.site_ca,
        )

    @cached_property
    def depository(self) -> FolderDepository:
        """The local depository: drafts, records and their files."""
        from tagstone.adapters.folder_depository import FolderDepository

        return FolderDepository(self.home / "depository", self.url)

    @property
    def url(self) -> str:
        """The address people see."""
        serving = self.settings.serving
        return (serving.url or f"http://{serving.host}:{serving.port}").rstrip("/")

    @property
    def durations(self) -> Durations:
        """Every duration that is waited."""
        return Durations(**self.settings.waits.model_dump())

    @property
    def policy(self) -> Policy:
        """What this site allows, and who publishes here."""
        runs, inputs, builds = self.settings.runs, self.settings.inputs, self.settings.builds
        sites = self.settings.depositories
        return Policy(
            depositories=("local", *sites),
            open_depositories=("local", *(name for name, site in sites.items() if site.open)),
            communities=tuple(sites),
            reviewed=tuple(n for n, site in sites.items() if (site.registered if site.review is None else site.review)),
            restricted=("local", *(name for name, site in sites.items() if site.restricted)),
            shared=tuple(name for name, site in sites.items() if site.share),
            limits={name: Limits(site.files, site.bytes, site.file_bytes, empty=False) for name, site in sites.items()},
            publisher=Publisher(**self.settings.site.model_dump()),
            registered_builds=builds.registered,
            registered_runs=runs.registered,
            clusters=self.clusters.kinds if runs.engine == "kubernetes" else (),
            combinations=runs.combinations,
            parallel=runs.parallel,
            output_files=runs.output_files,
            output_bytes=runs.output_bytes,
            input_bytes=inputs.file_bytes,
            copied_input_bytes=inputs.copied_bytes,
            local_inputs=inputs.local,
            image_registry=builds.registry or "",
            channels=Channels(builds.conda_channels, builds.cran, builds.julia_server, builds.snapshots),
        )

    @property
    def scratch(self) -> Path:
        """Where half-made files live; on the same file system as what they become."""
        folder = self.home / "scratch"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    @cached_property
    def registry(self) -> Registry:
        """Where images are kept: the embedded OCI layout, or the registry that is set."""
        from tagstone.adapters.oci_layout import OciLayout

        builds = self.settings.builds
        if builds.registry is None:
            return OciLayout(self.home / "images", self.settings.database.lock_timeout)
        user, password = builds.registry_user, builds.registry_password
        credentials = (user, password.get_secret_value()) if user and password else None
        return self._remote(builds.registry, insecure=builds.registry_insecure, credentials=credentials)

    @cached_property
    def upstream(self) -> Registry | None:
        """Where bases are pulled from when they are not in ours."""
        builds = self.settings.builds
        return self._remote(builds.upstream, insecure=builds.upstream_insecure) if builds.upstream else None

    def registry_at(self, address: str) -> Registry:
        """The registry at `HOST[:PORT][/PREFIX]`, asked anonymously."""
        return self._remote(address, insecure=False)

    @cached_property
    def make_root(self) -> MakeRoot:
        """What makes a distribution's root filesystem from its packages."""
        from tagstone.adapters.mmdebstrap import Mmdebstrap

        return Mmdebstrap(self.scratch).root

    @cached_property
    def http(self) -> requests.Session:
        """The HTTP client that adapters share."""
        import requests

        return requests.Session()

    @cached_property
    def containers(self) -> ContainerEngine:
        """The engine that runs: Docker Engine or Podman, at the socket that is set, one that is found, or one of our own."""
        return self._connect(self.settings.runs.engine)

    @cached_property
    def builder(self) -> Builder:
        """The engine that makes root filesystems."""
        return self._builder(self.home / "builds", self.registry)

    @cached_property
    def runner(self) -> Runner:
        """The engine or cluster that runs images."""
        runs = self.settings.runs
        folder = self.home / "runs"
        if runs.engine == "kubernetes":
            return self.clusters.runner
        if runs.engine == "chroot":
            from tagstone.adapters.chroot_runs import ChrootRuns

            return ChrootRuns(folder, self.registry, self.storage, self.clock, log_limit=runs.log_bytes)
        from tagstone.adapters.engine_runs import EngineRuns
        from tagstone.adapters.no_engine import NoRunner

        try:
            engine = self.containers
        except NotFound as why:
            if not self.settings.forges:
                raise
            # Where pipelines build and run there may be none.
            return NoRunner(why)
        return EngineRuns(
            engine,
            self.registry,
            self.storage,
            folder,
            self.clock,
            pids_limit=runs.pids,
            log_limit=runs.log_bytes,
        )

    @cached_property
    def comparer(self) -> Comparer:
        """What compares outputs by value, in processes of their own."""
        from tagstone.adapters.output_values.comparer import ProcessComparer

        return ProcessComparer(self.scratch)

    @cached_property
    def ports(self) -> Ports:
        """All ports, for the worker and for actions that need several."""
        from tagstone.ports import Ports

        return Ports(
            forge=self.forge,
            registry=self.registry,
            upstream=self.upstream,
            builder=self.builder,
            runner=self.runner,
            storage=self.storage,
            depositories=self.depositories,
            vault=self.vault,
            resolver=self.resolver,
            mail=self.mail,
            downloads=self.downloads,
            comparer=self.comparer,
            clock=self.clock,
            job_registries=self.forges.job_registries,
        )

    @contextmanager
    def anew(self, source: SourceFacts) -> Iterator[Ports]:
        """Ports of an installation that has nothing yet but this archived code; what is built with them goes with them."""
        from tagstone.adapters.archived_code import ArchivedCode
        from tagstone.adapters.oci_layout import OciLayout

        with TemporaryDirectory(prefix="anew-", dir=self.scratch) as name, TemporaryFile(dir=self.scratch) as spool:
            folder = Path(name)
            registry = OciLayout(folder / "images", self.settings.database.lock_timeout)
            with self.storage.open(source.archive_key) as archive:
                forge = ArchivedCode(source, archive, spool)
            builder = self._builder(folder / "builds", registry)
            yield replace(self.ports, forge=forge, registry=registry, builder=builder)

    @property
    def proxies(self) -> dict[str, str]:
        """The proxies of builds, by the names of their variables."""
        builds = self.settings.builds
        named = {"HTTP_PROXY": builds.http_proxy, "HTTPS_PROXY": builds.https_proxy, "NO_PROXY": builds.no_proxy}
        return {name: value for name, value in named.items() if value}

    def _builder(self, folder: Path, registry: Registry) -> Builder:
        from tagstone.adapters.buildah import Buildah

        builds, proxies = self.settings.builds, self.proxies
        if builds.builder == "kubernetes":
            return self.clusters.builder(folder, registry)
        if builds.builder == "buildah" or (builds.builder == "auto" and Buildah.usable()):
            return Buildah(folder, registry, site_ca=builds.site_ca, limit=builds.time, proxies=proxies)
        from tagstone.adapters.engine_builds import EngineBuilds
        from tagstone.adapters.no_engine import NoBuilder

        try:
            engine = self.containers if builds.builder == "auto" else self._connect(builds.builder)
        except NotFound as why:
            if not self.settings.forges:
                raise
            return NoBuilder(why)
        return EngineBuilds(
            folder,
            engine,
            registry,
            site_ca=builds.site_ca,
            limit=builds.time,
            proxies=proxies,
            network=builds.network,
        )

    def _remote(self, address: str, *, insecure: bool, credentials: tuple[str, str] | None = None) -> Registry:
        from tagstone.adapters.oci_registry import OciRegistry

        host, _, prefix = address.partition("/")
        return OciRegistry(self.http, host, insecure, prefix, credentials=credentials)

    def _connect(self, wanted: str) -> ContainerEngine:
        from tagstone.adapters.engine_client import connect

        flavour: Literal["docker", "podman"] | None = (
            "docker" if wanted == "docker" else "podman" if wanted == "podman" else None
        )
        return connect(self.home / "engine", socket=self.settings.runs.socket, flavour=flavour)
