"""What the page of one record shows, gathered from its facts, its series and its bundle."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from tagstone.actions.describe import describe
from tagstone.domain.citations.citing import metadata_for
from tagstone.domain.deposits.deposit import DepositMetadata, Related
from tagstone.domain.publications.record import Facts
from tagstone.domain.runs import hardware_table, matrix_table
from tagstone.domain.runs.hardware_table import Row
from tagstone.domain.runs.matrix_table import Line
from tagstone.errors import TagstoneError
from tagstone.store.tables import Publication
from tagstone.web import bundles, citations, hardware_plot, log_text, outputs, run_yourself
from tagstone.web.bundles import Listed
from tagstone.web.citations import Cited
from tagstone.web.hardware_plot import Plot
from tagstone.web.outputs import Kind, Output
from tagstone.web.place import Place
from tagstone.web.renditions import Renditions
from tagstone.web.run_yourself import Way

_SHOWN_FILES = 200
# What the bundle may hold about how the record came about: the beginning of its name, what it is called, what it is for.
_PROVENANCE = (
    ("ro-crate-metadata.json", "RO-Crate", "everything in the bundle and how it belongs together"),
    ("provenance", "Provenance", "what the image and each output were made from (SLSA, in-toto)"),
    ("sbom", "Software bill of materials", "every package in the image (CycloneDX)"),
    ("codemeta.json", "CodeMeta", "the software for catalogues of software"),
    ("CITATION.cff", "Citation file", "with the identifier in it"),
    ("tagstone.json", "Facts", "all that was recorded, for programs"),
    ("SHA256SUMS", "Checksums", "of every file"),
)


@dataclass(frozen=True)
class RecordPage:
    """Everything that the template of a record shows."""

    row: Publication
    facts: Facts
    metadata: DepositMetadata
    cited: list[Cited]
    versions: list[Publication]
    image: str | None
    ways: list[Way]
    command: str
    hardware: list[Row]
    plots: list[Plot]
    runs: list[Line]
    outputs: list[Output]
    files: list[Listed]
    files_total: int
    bytes_total: int
    provenance: list[tuple[str, str, str]]
    log: str | None

    def shown(self, kind: Kind) -> list[Output]:
        """Outputs of which there is a preview of this kind."""
        return [output for output in self.outputs if output.kind == kind]

    @property
    def run_values(self) -> tuple[str, ...]:
        """What the values are called that the runs of a matrix differ by."""
        return matrix_table.names(self.facts.matrix)

    @property
    def outputs_total(self) -> int:
        """How many outputs there are, shown or not."""
        return len(self.facts.outputs)

    @property
    def brought(self) -> int:
        """How many outputs were not made by a run of ours."""
        return sum(output.brought for output in self.facts.outputs)

    @property
    def related(self) -> tuple[Related, ...]:
        """Other works; the project's own address stands elsewhere."""
        return tuple(work for work in self.metadata.related if work.identifier != self.facts.source.project.url)

    @property
    def newer(self) -> Publication | None:
        """The newest version of the series when it is another one."""
        return (
            self.versions[0] if self.versions and self.row.state == "published" and self.versions[0].id != self.row.id else None
        )


def gather(
    row: Publication, facts: Facts, versions: list[Publication], bundle: Path | None, place: Place, renditions: Renditions
) -> RecordPage:
    """All that the page of `row` shows; `bundle` is its folder, None when that is gone."""
    metadata = metadata_of(facts)
    files = bundles.listing(bundle) if bundle else []
    log = bundle / "logs" / "run.log" if bundle else None
    return RecordPage(
        row=row,
        facts=facts,
        metadata=metadata,
        cited=citations.cited(facts, metadata),
        versions=versions,
        image=run_yourself.image_address(facts, place),
        ways=run_yourself.ways(facts, place, bundled=bool(files)) if facts.image else [],
        command=shlex.join(facts.run.spec.command) if facts.run else "",
        hardware=hardware_table.rows(facts.run) if facts.run else [],
        plots=hardware_plot.plots(facts.run) if facts.run else [],
        runs=matrix_table.lines(facts.matrix),
        outputs=outputs.gather(facts, {file.path for file in files}, bundle, renditions),
        files=files[:_SHOWN_FILES],
        files_total=len(files),
        bytes_total=sum(file.size for file in files),
        provenance=_provenance(files),
        log=log_text.tail_of_file(log) if log and log.is_file() else None,
    )


def metadata_of(facts: Facts) -> DepositMetadata:
    """Who and what a record is, as it says of itself now."""
    try:
        return describe(facts)[0]
    except TagstoneError:  # of an earlier version's manifest or citation: the page still stands
        return metadata_for(facts, citations.read(facts.citation))


def _provenance(files: list[Listed]) -> list[tuple[str, str, str]]:
    """Path, name and purpose of the documents that are there."""
    top = [file.path for file in files if "/" not in file.path]
    found = (
        (next((path for path in top if path.startswith(begin)), ""), name, purpose) for begin, name, purpose in _PROVENANCE
    )
    return [entry for entry in found if entry[0]]
