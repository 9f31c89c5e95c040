"""Settings, from `TAGSTONE_*` variables; read only by entry points and bootstrap. Secrets have no defaults.

A nested field is written with two underscores: `TAGSTONE_RUNS__PIDS=512` is `runs.pids`. What an installation wants to set
for everybody stands in `etc/tagstone.env` under its prefix (for a virtual environment: that folder); the environment wins.
No file is ever read from the current folder: it may be a stranger's repository.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from tagstone.home import SITE, data_folder
from tagstone.variables import read

# Written into recipes, which are published: no names and passwords, and nothing that means anything to a shell.
_ADDRESS = r"^https?://[A-Za-z0-9._~:/{}+%-]+$"


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def _named(given: object) -> object:
    """Clusters and profiles by the names that manifests call them: variables have no hyphens."""
    return {str(name).lower().replace("_", "-"): one for name, one in given.items()} if isinstance(given, dict) else given


def _networks(given: list[str] | None) -> list[str] | None:
    """Networks (CIDR) as they are written without bits of hosts. Raises: ValueError."""
    import ipaddress

    return None if given is None else [str(ipaddress.ip_network(one)) for one in given]


class Database(_Group):
    """Where rows live."""

    url: str | None = Field(
        None, description="SQLAlchemy URL; default: SQLite at HOME/tagstone.sqlite. PostgreSQL: postgresql+psycopg://…"
    )
    lock_timeout: float = Field(30.0, description="Seconds a writer waits for another before it gives up.")


class Builds(_Group):
    """How images are built."""

    builder: Literal["auto", "buildah", "docker", "podman", "kubernetes"] = Field(
        "auto",
        description="Which engine makes root filesystems; auto takes the first of this host that works, kubernetes is the first cluster "
        "that has a namespace for builds.",
    )
    registered: Literal["docker", "podman", "buildah", "kubernetes"] | None = Field(
        None,
        description="What may build the code of projects registered at forges: an engine of this host (buildah isolates nothing), or a "
        "cluster; default: nothing, and their pipelines build.",
    )
    site_ca: Path | None = Field(
        None, description="A CA bundle (PEM) that builds may use; it never stays in the image or its history."
    )
    time: int = Field(3600, description="Seconds a build may take.")
    network: str | None = Field(
        None, description="Docker's or Podman's network for builds, such as host; default: the engine's own."
    )
    http_proxy: str | None = Field(None, description="Proxy for plain HTTP that builds use; it does not stay in the image.")
    https_proxy: str | None = Field(None, description="Proxy for HTTPS that builds use; it does not stay in the image.")
    no_proxy: str | None = Field(None, description="Hosts that builds reach without a proxy, separated by commas.")
    registry: str | None = Field(
        None, description="Registry that keeps images (host[:port][/prefix]); default: the OCI layout at HOME/images."
    )
    registry_user: str | None = Field(None, description="User of the registry; default: nobody in particular.")
    registry_password: SecretStr | None = Field(None, description="Password or token of that user; given to the registry only.")
    registry_insecure: bool = Field(False, description="Speak plain HTTP to the registry (loopback only).")
    upstream: str | None = Field(
        None, description="Registry that bases are pulled from when they are not in ours (host[:port]); default: none is asked."
    )
    conda_channels: str | None = Field(
        None,
        pattern=_ADDRESS,
        description="Address above the names of conda's channels (…/conda-forge); default: none, and environment.yml is refused.",
    )
    cran: str | None = Field(
        None,
        pattern=_ADDRESS,
        description="Address of a CRAN for R packages that Debian has not, `{date}` for the day in runtime.txt; default: none.",
    )
    julia_server: str | None = Field(
        None, pattern=_ADDRESS, description="Address of a Julia package server; default: none, and Project.toml is refused."
    )
    snapshots: str | None = Field(
        None,
        pattern=_ADDRESS,
        description="Address of Debian's archive as it was, with `{archive}` (debian, debian-security) and `{date}` "
        "(20260131T080000Z), for builds with a tagstone.lock; default: packages come from where the base takes them.",
    )
    upstream_insecure: bool = Field(False, description="Speak plain HTTP to the upstream registry (loopback only).")


class Runs(_Group):
    """How analyses are run."""

    engine: Literal["auto", "docker", "podman", "chroot", "kubernetes"] = Field(
        "auto",
        description="What runs images: an engine of this host, or a cluster; chroot isolates nothing and must be asked for by name.",
    )
    cluster: str | None = Field(
        None, description="Which of the clusters runs what no profile sends to another; default: the first one."
    )
    registered: Literal["docker", "podman", "kubernetes"] | None = Field(
        None,
        description="What may run the code of projects registered at forges: an engine of this host, or a cluster; default: nothing, "
        "and it is not run here.",
    )
    socket: str | None = Field(
        None,
        description="Engine socket, such as unix:///run/podman/podman.sock; default: found, or a Podman service of our own.",
    )
    pids: int = Field(1024, description="Processes and threads a run may have at once.")
    log_bytes: int = Field(64 * 2**20, description="Bytes of log kept of one run; what comes after is counted, not kept.")
    combinations: int = Field(100, ge=1, le=1000, description="Runs that one matrix may have.")
    parallel: int = Field(8, ge=1, le=1000, description="Runs of one matrix that may go on at once.")
    output_files: int = Field(10_000, description="Files a run, or all runs of a matrix together, may put out.")
    output_bytes: int = Field(50 * 10**9, description="Bytes all outputs of them may have together.")


class Desk(_Group):
    """Where the pods of runs on clusters fetch code and inputs, and bring outputs."""

    host: str = Field("127.0.0.1", description="Address to listen on; pods must reach it.")
    port: int = Field(8622, description="Port to listen on.")


class TolerationSettings(_Group):
    """A taint of nodes that a run puts up with."""

    key: str = Field("", description="The taint's key; default: every taint.")
    value: str = Field("", description="Its value; default: any.")
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = Field("", description="Its effect; default: all.")


class ProfileSettings(_Group):
    """A kind of machine that manifests may ask for by its name here (`run: resources: profile`)."""

    gpu_resource: str | None = Field(None, description="What its GPUs are counted as, such as nvidia.com/gpu.")
    gpu_type: str | None = Field(None, description="The kind of its GPUs, which manifests may ask for instead of the profile.")
    node_selector: dict[str, str] = Field({}, description="Labels that its nodes have, as a JSON object.")
    tolerations: list[TolerationSettings] = Field([], description="Taints of its nodes, as a JSON list.")
    runtime_class: str | None = Field(None, description="The runtime class of its pods.")
    priority_class: str | None = Field(None, description="The priority class of its pods.")
    queue: str | None = Field(None, description="The Kueue queue that its Jobs wait in; default: the cluster's.")
    egress: Annotated[list[str] | None, AfterValidator(_networks)] = Field(
        None,
        description="Networks (CIDR) that its runs with a network reach, as a JSON list, private ones too; default: all that is public.",
    )


class ClusterBuildSettings(_Group):
    """Where a cluster builds images, and what each build has there."""

    namespace: str = Field(
        "tagstone-builds",
        pattern="^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
        description="Where builds are made; never a namespace of runs, also of one project's, since builds need what runs must not have.",
    )
    image: str = Field(
        pattern=r"^[^\s@]+@sha256:[0-9a-f]{64}$", description="The image, by digest, that builds run in (deploy/builder)."
    )
    pull_secret: str | None = Field(None, description="Secret in that namespace that its nodes pull images with.")
    cpu: float = Field(2.0, gt=0, description="Cores that a build has.")
    memory: int = Field(4 * 2**30, gt=0, description="Bytes of memory that a build has.")
    disk: int = Field(20 * 2**30, gt=0, description="Bytes of a node's disk that a build has.")


class ClusterSettings(_Group):
    """A Kubernetes that analyses are run on."""

    kubeconfig: Path | None = Field(
        None, description="File that says how its API is spoken to; default: the service account of the pod that this is."
    )
    context: str | None = Field(None, description="The context in that file; default: its current one.")
    namespace: str = Field("tagstone-runs", pattern="^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", description="Where runs are made.")
    desk: str = Field(
        pattern=r"^https?://[^\s/@?#]+(/[^\s?#]*)?$",
        description="Address at which its pods reach this service's desk, such as http://192.0.2.7:8622/desk.",
    )
    desk_ca: Path | None = Field(
        None, description="A CA bundle (PEM) that pods trust for the desk; default: those of the helper."
    )
    desk_network: str | None = Field(
        None,
        description="Network (CIDR) that the desk is in, let through by NetworkPolicies; needed where its address is a name.",
    )
    helper: str = Field(
        pattern=r"^[^\s@]+@sha256:[0-9a-f]{64}$",
        description="The image, by digest, that brings code and inputs to a run and takes its outputs (deploy/pod).",
    )
    registry: str | None = Field(
        None,
        description="Where its nodes pull what the registry of builds keeps (host[:port][/prefix]); default: the same address.",
    )
    projects: dict[str, Annotated[str, Field(pattern="^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]] = Field(
        {},
        description="Namespaces of projects that have their own, such as one with a ResourceQuota, by the projects' addresses without "
        "scheme (gitlab.example.org/astro/wobble), as a JSON object; default: all have the same.",
    )
    pull_secret: str | None = Field(None, description="Secret in the namespace that its nodes pull images with.")
    queue: str | None = Field(None, description="The Kueue queue that Jobs wait in; default: none.")
    claim: str | None = Field(
        None, description="PersistentVolumeClaim in the namespace that workspaces lie on; default: the disk of the node."
    )
    patience: float = Field(86_400.0, description="Seconds that a run may wait for a node.")
    collection: float = Field(
        7200.0, description="Seconds beyond its time that a pod may take to fetch, and to wait until its outputs are taken."
    )
    keep: int = Field(86_400, description="Seconds after which the cluster itself removes a Job that has ended.")
    grace: int = Field(10, description="Seconds between asking a run to end and ending it.")
    blocked: Annotated[list[str], AfterValidator(_networks)] = Field(
        [],
        description="Networks (CIDR) beside the private ones that runs with a network cannot reach, such as those of pods and services, "
        "as a JSON list.",
    )
    policies: bool = Field(True, description="Whether NetworkPolicies are made and held here; false where an admin does.")
    grows: bool = Field(
        False, description="Whether it gets nodes when they are asked for, so that what fits on none now is not refused."
    )
    profiles: Annotated[dict[str, ProfileSettings], BeforeValidator(_named)] = Field(
        {}, description="Kinds of machines by the names that manifests call them."
    )
    builds: ClusterBuildSettings | None = Field(
        None, description="Where it builds images; default: nowhere. BUILDS__IMAGE is all that this needs."
    )

    @field_validator("builds")
    @classmethod
    def _apart(cls, builds: ClusterBuildSettings | None, info: ValidationInfo) -> ClusterBuildSettings | None:
        if builds is None:
            return None
        sharing = ["all projects"] if builds.namespace == info.data.get("namespace") else []
        sharing += [project for project, own in info.data.get("projects", {}).items() if own == builds.namespace]
        if sharing:
            raise PydanticCustomError(
                "shared_namespace",
                "Builds would share the namespace {namespace} with the runs of {projects}, and may do there what runs must not",
                {
                    "namespace": builds.namespace,
                    "projects": ", ".join(sharing),
                    "remedy": "Set its __NAMESPACE to one for builds alone, made as in deploy/kubernetes/builds.",
                },
            )
        return builds


class Inputs(_Group):
    """How inputs are fetched."""

    local: bool = Field(
        True, description="Whether manifests may name files of this machine; services that publish for others set it to false."
    )
    file_bytes: int = Field(50 * 10**9, description="Bytes that one input may have.")
    copied_bytes: int = Field(
        5 * 10**9, description="Bytes up to which an input without a DOI is copied into the bundle, where its licence lets it."
    )
    private_hosts: list[str] = Field(
        [],
        description="Names of hosts that inputs may come from though their addresses are not public, as a JSON list; all others "
        "that are not public are refused, also behind redirects.",
    )
    https_proxy: SecretStr | None = Field(
        None,
        description="Proxy that inputs are fetched through, such as http://proxy:3128. It is the proxy that looks up names then, "
        "so let it refuse addresses which are not public; here only names and addresses as they are written can be judged.",
    )
    site_ca: Path | None = Field(None, description="A CA bundle (PEM) trusted beside the usual ones; default: that of builds.")
    silence: float = Field(60.0, description="Seconds of silence of a server before a download is broken off, and tried again.")
    time: float = Field(86_400.0, description="Seconds that the download of one input may take at a time.")
    doi_hosts: dict[str, str] = Field(
        {"10.5281": "zenodo.org"},
        description="InvenioRDM hosts of DOI prefixes that are asked at once, as a JSON object; others are found by their DOI.",
    )
    doi_resolver: str = Field("https://doi.org", description="Where DOIs lead to their records' pages.")


class Site(_Group):
    """Who publishes here, as records, citations and provenance name it."""

    name: str = Field("Tagstone", min_length=1, description="Name of the organisation that publishes.")
    url: str | None = Field(None, pattern=r"^https?://\S+$", description="Its address.")
    ror: str | None = Field(
        None, pattern="^0[a-hj-km-np-tv-z0-9]{6}[0-9]{2}$", description="Its ROR id, such as 03mrbr458 (https://ror.org)."
    )
    contact: str | None = Field(None, pattern=r"^\S+@\S+$", description="E-mail address for questions about records.")


class DepositorySettings(_Group):
    """An InvenioRDM site where records are published."""

    url: str = Field(
        pattern=r"^(https://[^\s/@?#]+|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?)(/[^\s?#]*)?$",
        description="Its address, such as https://rdm.example.org; those of `zenodo` and `zenodo-sandbox` are known. "
        "Without TLS on this machine only.",
    )
    token: SecretStr | None = Field(None, description="The site's own token there; given to that server only.")
    token_file: Path | None = Field(None, description="File that the token is in, instead of the token itself.")
    owner: str = Field("the site's account", description="Whose account the token is of: the owner of its records and DOIs.")
    open: bool = Field(False, description="Whether projects that no curator bound to an account may use the site's own.")
    registered: bool = Field(True, description="Whether its DOIs are registered and resolve; false for sandboxes.")
    review: bool | None = Field(
        None, description="Whether a person looks before every release; default: where DOIs are registered."
    )
    files: int = Field(100, description="Files that a record may have.")
    bytes: int = Field(50 * 10**9, description="Bytes that a record may have.")
    file_bytes: int = Field(50 * 10**9, description="Bytes that one file may have.")
    restricted: bool = Field(False, description="Whether records may be restricted altogether; embargoed files may always be.")
    share: bool = Field(
        False,
        description="Whether a record is shared with the e-mail address in its tag; only where all who set tags are trusted.",
    )
    site_ca: Path | None = Field(None, description="A CA bundle (PEM) trusted for it; default: the usual ones.")
    silence: float = Field(60.0, description="Seconds of silence of the server before a call counts as lost.")


_KNOWN_DEPOSITORIES: dict[str, dict[str, object]] = {
    "zenodo": {"url": "https://zenodo.org"},
    "zenodo-sandbox": {"url": "https://sandbox.zenodo.org", "registered": False},
}


def _named_depositories(given: object) -> object:
    """Depositories by the names that manifests call them (variables have no hyphens), with what is known of well-known ones."""
    if not isinstance(given, dict):
        return given
    named = {str(name).lower().replace("_", "-"): values for name, values in given.items()}
    return {
        name: {**_KNOWN_DEPOSITORIES.get(name, {}), **values} if isinstance(values, dict) else values
        for name, values in named.items()
    }


class ForgeSettings(_Group):
    """A GitLab that projects are registered at."""

    url: str = Field(
        pattern=r"^(https://[^\s/@?#]+|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?)(/[^\s?#]*)?$",
        description="Its address, such as https://gitlab.example.org. Without TLS on this machine only.",
    )
    token: SecretStr | None = Field(
        None,
        description="A token of the service's own account there, with the scopes read_api and read_repository; default: what "
        "anybody may see. Projects may lend their own.",
    )
    token_file: Path | None = Field(None, description="File that the token is in, instead of the token itself.")
    registry: str | None = Field(
        None,
        pattern=r"^[a-z0-9.-]+(:[0-9]+)?$",
        description="Its container registry (host[:port]), where pipelines push what they build; default: they push into ours.",
    )
    registry_token: SecretStr | None = Field(
        None, description="A token with the scope read_registry, given to that registry only; default: what anybody may pull."
    )
    registry_insecure: bool = Field(False, description="Speak plain HTTP to that registry (loopback only).")
    site_ca: Path | None = Field(None, description="A CA bundle (PEM) trusted for it; default: the usual ones.")
    silence: float = Field(30.0, description="Seconds of silence of the server before a call counts as lost.")


class SignIn(_Group):
    """How people sign in: any provider of OpenID Connect."""

    issuer: str | None = Field(
        None,
        pattern=r"^(https://[^\s/@?#]+|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?)(/[^\s?#]*)?$",
        description="The provider's issuer, such as https://gitlab.example.org; default: nobody signs in.",
    )
    client: str | None = Field(None, description="The id that the provider gave this service as its client.")
    secret: SecretStr | None = Field(None, description="The client's secret; given to the provider only.")
    site_ca: Path | None = Field(None, description="A CA bundle (PEM) trusted for it; default: the usual ones.")
    visit: float = Field(12 * 3600.0, description="Seconds after which people sign in again.")
    tokens: float = Field(366 * 86_400.0, description="The longest that a token for programs may live, in seconds.")


class MailSettings(_Group):
    """How letters are sent to the people who set tags."""

    host: str | None = Field(None, description="SMTP server; default: no mail is sent.")
    port: int = Field(587, description="Its port.")
    user: str | None = Field(None, description="User there.")
    password: SecretStr | None = Field(None, description="Password of that user.")
    starttls: bool = Field(True, description="Whether the connection is encrypted before anything is said.")
    admins: list[str] = Field(
        [],
        description="Addresses that are warned before a credential expires, as a JSON list; default: those of admins, else the site's contact.",
    )
    sender: str = Field("tagstone@localhost", pattern=r"^[^\s<>,]+@[^\s<>,]+$", description="Address that letters come from.")
    site_ca: Path | None = Field(None, description="A CA bundle (PEM) trusted for it; default: the usual ones.")


class Waits(_Group):
    """Every duration that is waited, in seconds."""

    poll: float = Field(0.2, description="Between two looks at a build or run at first.")
    poll_longest: float = Field(2.0, description="Between two looks at a long build or run.")
    quiet: float = Field(
        60.0, description="Between two looks at a run that waits on its cluster, which tells when that changes."
    )
    retry: float = Field(5.0, description="Before trouble that may pass is tried again; doubled each time.")
    retry_longest: float = Field(300.0, description="The longest wait before another try.")
    attempts: int = Field(5, description="Tries before trouble that may pass counts as failure.")
    recovery: float = Field(10.0, description="Between two looks for workers that died.")
    outage: float = Field(7 * 86_400.0, description="The longest that an outage of somebody else's is waited out.")
    released: float = Field(
        3600.0, description="How long a publication that was asked for is looked for before a person is told."
    )
    resolves: float = Field(600.0, description="Between two looks whether a new DOI resolves.")
    recheck: float = Field(7 * 86_400.0, description="Between two comparisons of what a depository holds with what was sent.")
    curators: float = Field(3600.0, description="The longest between two looks at what the curators of a community decided.")
    pipeline: float = Field(86_400.0, description="How long a tag waits for the image that its pipeline builds.")
    reconcile: float = Field(900.0, description="Between two looks for tags that no hook told of.")
    credentials: float = Field(86_400.0, description="Between two looks at what each credential is worth at its server.")


class Serving(_Group):
    """How pages are served."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8620, description="Port to listen on.")
    url: str | None = Field(None, description="Address that people see; default: http://HOST:PORT.")


class Receiving(_Group):
    """Where hooks deliver: below `/hooks/` of the pages, or to a receiver of their own."""

    host: str = Field("127.0.0.1", description="Address that a receiver of their own listens on.")
    port: int | None = Field(
        None,
        description="Port of a receiver of their own, which `tagstone serve` opens too; default: hooks deliver to the pages' port.",
    )
    url: str | None = Field(
        None,
        description="Address at which forges reach the receiver; default: that of the pages, or http://HOST:PORT where it has a port.",
    )
    processes: int = Field(1, ge=1, le=64, description="Processes of `tagstone-webhooks serve`, which share its port.")


class Settings(BaseModel):
    """All settings of one process: what is given here, else what the variables say. `_site` is the installation's file, if any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, _site: Path | None = SITE, **given: Any) -> None:
        super().__init__(**(read(type(self), _site) | given))

    home: Path = Field(default_factory=data_folder, description="Folder of database, images, bundles, caches and deposits.")
    database: Database = Database()
    builds: Builds = Builds()
    runs: Runs = Runs()
    desk: Desk = Desk()
    clusters: Annotated[dict[str, ClusterSettings], BeforeValidator(_named)] = Field(
        {}, description="Clusters that analyses run on, by names of this site: TAGSTONE_CLUSTERS__DAHLEM__DESK=…"
    )
    site: Site = Site()
    inputs: Inputs = Inputs()
    depositories: Annotated[dict[str, DepositorySettings], BeforeValidator(_named_depositories)] = Field(
        {},
        description="InvenioRDM sites by the names that manifests call them, beside `local`: "
        "TAGSTONE_DEPOSITORIES__ZENODO__TOKEN=… is all that Zenodo needs.",
    )
    forges: dict[str, ForgeSettings] = Field(
        {}, description="GitLabs that projects are registered at, by names of this site: TAGSTONE_FORGES__GITLAB__URL=…"
    )
    sign_in: SignIn = SignIn()
    secret_keys: list[SecretStr] = Field(
        [], description="Keys (Fernet) that projects' tokens are sealed with, the newest first; as a JSON list."
    )
    hook_keys: list[SecretStr] = Field(
        [],
        description="Keys (Fernet) that hooks' tokens are sealed with, the newest first; as a JSON list. The receivers have these and no "
        "others.",
    )
    receiving: Receiving = Receiving()
    doi_resolver: str = Field("https://doi.org", description="Where DOIs resolve.")
    mail: MailSettings = MailSettings()
    waits: Waits = Waits()
    serving: Serving = Serving()
    worker_threads: int = Field(16, description="Blocking calls that one worker makes at once.")
    log_format: Literal["console", "json"] = Field("console", description="How processes log.")
