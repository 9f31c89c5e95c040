"""The one place that builds adapters out of settings. Imports are inside functions: a quick command loads what it needs."""

from __future__ import annotations

import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tagstone.domain.policy import Policy
from tagstone.domain.waiting import Durations
from tagstone.errors import Conflict
from tagstone.settings import Settings

if TYPE_CHECKING:
    import requests
    from sqlalchemy import Engine

    from tagstone.actions.base_image import MakeRoot
    from tagstone.adapters.engine_client import Engine as ContainerEngine
    from tagstone.adapters.executor_locks import DatabaseLocks, FileLocks
    from tagstone.adapters.folder_depository import FolderDepository
    from tagstone.ports import Builder, Clock, Downloads, Forge, Ports, Registry, Runner, Storage, WorkQueue
    from tagstone.store.session import Sessions


def configure_logging(settings: Settings) -> None:
    """Let a process of ours log to its standard error, for people or for machines."""
    import structlog

    renderer = (
        structlog.processors.JSONRenderer() if settings.log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


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
    def forge(self) -> Forge:
        """Local Git repositories."""
        from tagstone.adapters.git import GitForge

        return GitForge()

    @cached_property
    def storage(self) -> Storage:
        """Logs, outputs, code archives and bundles."""
        from tagstone.adapters.folder_storage import FolderStorage

        return FolderStorage(self.home / "storage")

    @cached_property
    def downloads(self) -> Downloads:
        """Inputs from the web."""
        from tagstone.adapters.downloads import Downloads

        return Downloads(ca_bundle=self.settings.builds.site_ca)

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
        """What this site allows."""
        runs = self.settings.runs
        return Policy(output_files=runs.output_files, output_bytes=runs.output_bytes)

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
        from tagstone.adapters.buildah import Buildah

        builds = self.settings.builds
        folder = self.home / "builds"
        named = {"HTTP_PROXY": builds.http_proxy, "HTTPS_PROXY": builds.https_proxy, "NO_PROXY": builds.no_proxy}
        proxies = {name: value for name, value in named.items() if value}
        if builds.builder == "buildah" or (builds.builder == "auto" and Buildah.usable()):
            return Buildah(folder, self.registry, site_ca=builds.site_ca, limit=builds.time, proxies=proxies)
        from tagstone.adapters.engine_builds import EngineBuilds

        engine = self.containers if builds.builder == "auto" else self._connect(builds.builder)
        return EngineBuilds(
            folder,
            engine,
            self.registry,
            site_ca=builds.site_ca,
            limit=builds.time,
            proxies=proxies,
            network=builds.network,
        )

    @cached_property
    def runner(self) -> Runner:
        """The engine that runs images."""
        runs = self.settings.runs
        folder = self.home / "runs"
        if runs.engine == "chroot":
            from tagstone.adapters.chroot_runs import ChrootRuns

            return ChrootRuns(folder, self.registry, self.storage, self.clock, log_limit=runs.log_bytes)
        from tagstone.adapters.engine_runs import EngineRuns

        return EngineRuns(
            self.containers,
            self.registry,
            self.storage,
            folder,
            self.clock,
            pids_limit=runs.pids,
            log_limit=runs.log_bytes,
        )

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
            depository=self.depository,
            deposit_files=self.depository,
            downloads=self.downloads,
            clock=self.clock,
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
