"""What the page of one record shows, gathered from its facts, its series and its bundle."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tagstone.domain import citing, hardware_table
from tagstone.domain.deposit import DepositMetadata
from tagstone.domain.hardware_table import Row
from tagstone.domain.record import Facts
from tagstone.store.tables import Publication
from tagstone.web import bundles, citations, log_text
from tagstone.web.bundles import Listed
from tagstone.web.preview import Preview, is_table, preview

_SHOWN_OUTPUTS, _SHOWN_PICTURES, _SHOWN_TABLES, _SHOWN_FILES = 200, 12, 6, 200
_TABLE_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Place:
    """Where people reach this server: its URL, and whether it hands out images under `/v2/`."""

    url: str
    serves_images: bool

    @property
    def root(self) -> str:
        """The path under which the server is reached, empty for a host of its own."""
        return urlsplit(self.url).path.rstrip("/")

    @property
    def image_host(self) -> str | None:
        """What engines pull from; None where there is nothing: `/v2/` must stand at the root of a host."""
        return urlsplit(self.url).netloc if self.serves_images and not self.root else None

    @property
    def encrypted(self) -> bool:
        """False where engines have to be told that there is no TLS."""
        return urlsplit(self.url).scheme == "https"


@dataclass(frozen=True)
class Output:
    """One output; `file` is its path in the bundle, None when it is not there."""

    path: str
    size: int
    sha256: str
    file: str | None
    picture: bool
    table: Preview | None


@dataclass(frozen=True)
class RecordPage:
    """Everything that the template of a record shows."""

    row: Publication
    facts: Facts
    metadata: DepositMetadata
    apa: str
    bibtex: str
    versions: list[Publication]
    pulls: list[tuple[str, str]]
    command: str
    hardware: list[Row]
    outputs: list[Output]
    files: list[Listed]
    files_total: int
    bytes_total: int
    log: str | None

    @property
    def pictures(self) -> list[Output]:
        """Outputs that are shown."""
        return [output for output in self.outputs if output.picture and output.file][:_SHOWN_PICTURES]

    @property
    def tables(self) -> list[Output]:
        """Outputs whose first lines are shown."""
        return [output for output in self.outputs if output.table]

    @property
    def outputs_total(self) -> int:
        """How many outputs there are, shown or not."""
        return len(self.facts.outputs)

    @property
    def newer(self) -> Publication | None:
        """The newest version of the series when it is another one."""
        return (
            self.versions[0] if self.versions and self.row.state == "published" and self.versions[0].id != self.row.id else None
        )


def gather(row: Publication, facts: Facts, versions: list[Publication], bundle: Path | None, place: Place) -> RecordPage:
    """All that the page of `row` shows; `bundle` is its folder, None when that is gone."""
    metadata = citing.metadata_for(facts, citations.read(facts.source.citation))
    files = bundles.listing(bundle) if bundle else []
    log = bundle / "logs" / "run.log" if bundle else None
    return RecordPage(
        row=row,
        facts=facts,
        metadata=metadata,
        apa=citing.apa(metadata, facts.deposit),
        bibtex=citing.bibtex(metadata, facts.deposit),
        versions=versions,
        pulls=_pulls(facts, place),
        command=shlex.join(facts.run.spec.command) if facts.run else "",
        hardware=hardware_table.rows(facts.run) if facts.run else [],
        outputs=_outputs(facts, files, bundle),
        files=files[:_SHOWN_FILES],
        files_total=len(files),
        bytes_total=sum(file.size for file in files),
        log=log_text.tail_of_file(log) if log and log.is_file() else None,
    )


def _outputs(facts: Facts, files: list[Listed], bundle: Path | None) -> list[Output]:
    there = {file.path for file in files}
    found, tables = [], 0
    for output in facts.outputs[:_SHOWN_OUTPUTS]:
        path = f"outputs/{output.path}"
        table = None
        if bundle and path in there and is_table(path) and output.size <= _TABLE_BYTES and tables < _SHOWN_TABLES:
            table = preview(bundle / path, path)
            tables += table is not None
        file = path if path in there else None
        found.append(Output(output.path, output.size, output.sha256, file, bundles.is_picture(path), table))
    return found


def _pulls(facts: Facts, place: Place) -> list[tuple[str, str]]:
    """How Podman and Docker run the image: engine and command line; nothing where no registry offers the image."""
    host = facts.image.registry or place.image_host if facts.image else None
    if facts.image is None or facts.run is None or not host:
        return []
    network = [] if facts.run.spec.network else ["--network", "none"]
    rest = [*network, f"{host}/{facts.image.image.reference}", *facts.run.spec.command]
    plain = host == place.image_host and not place.encrypted
    podman = ["podman", "run", "--rm", *(["--tls-verify=false"] if plain else []), *rest]
    return [("Podman", shlex.join(podman)), ("Docker", shlex.join(["docker", "run", "--rm", *rest]))]
