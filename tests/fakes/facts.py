"""The recorded facts of one small publication, with whatever a test wants to be different."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from tagstone.domain.code.source import Commit, ProjectIdentity
from tagstone.domain.deposits.deposit import Affiliation, Creator, Deposit, DepositMetadata, DepositState
from tagstone.domain.environments.build import BaseImage, Package
from tagstone.domain.images.oci import CONFIG, LAYER, Descriptor, Image, ImageReference, ImageSettings
from tagstone.domain.publications.record import Facts, ImageFacts, InputFacts, MatrixRun, RunFacts, SourceFacts
from tagstone.domain.runs.hardware import Granted, Resources
from tagstone.domain.runs.matrix import combinations
from tagstone.domain.runs.run import Outcome, OutputFile, RunSpec, RunStatus

MANIFEST = """\
environment: {base: "debian:bookworm", apt: [python3]}
run:
  command: [python3, analysis.py, --bins, "{bins}"]
  parameters: {bins: 64}
outputs: [results/*]
"""
CITATION = """\
cff-version: 1.2.0
message: Cite it.
title: Wobble
authors:
- family-names: Lovelace
  given-names: Ada
  orcid: https://orcid.org/0000-0002-1825-0097
license: MIT
"""


PACKAGES = (
    Package("deb", "python3", "3.11.2-1", "amd64"),
    Package("os", "debian", "12"),
    Package("pypi", "numpy", "2.0.0"),
)


def sha256(data: bytes) -> str:
    """Lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def output(path: str, data: bytes) -> OutputFile:
    """An output as the collector records it."""
    return OutputFile(path, len(data), sha256(data), f"sha256/{sha256(data)[:2]}/{sha256(data)}")


def given(path: str, data: bytes) -> InputFacts:
    """An input as it is recorded once fetched."""
    stored = output(path, data)
    return InputFacts(f"https://data.example/{path}", path, stored.size, stored.sha256, stored.storage_key)


def image(manifest: bytes, config: bytes, layers: tuple[bytes, ...], settings: ImageSettings | None = None) -> Image:
    """An image of these bytes."""
    return Image(
        name="wobble",
        digest=f"sha256:{sha256(manifest)}",
        config=Descriptor(CONFIG, f"sha256:{sha256(config)}", len(config)),
        layers=tuple(Descriptor(LAYER, f"sha256:{sha256(layer)}", len(layer)) for layer in layers),
        diff_ids=tuple(f"sha256:{sha256(layer)}" for layer in layers),
        settings=settings or ImageSettings(workdir="/workspace"),
    )


def deposit(*, registered: bool = False) -> Deposit:
    """A draft with its identifier reserved."""
    doi = "10.5072/tagstone.abc123"
    return Deposit("abc123", DepositState.DRAFT, doi, "10.5072/tagstone.s1", "s1", 1, "http://127.0.0.1/abc123", registered)


def metadata(title: str = "Wobble") -> DepositMetadata:
    """Who and what."""
    authors = (
        Creator("Ada Lovelace", "Ada", "Lovelace", "0000-0002-1825-0097", (Affiliation("AIP", "03mrbr458"),)),
        Creator("The Wobble Team", organisation=True, url="https://wobble.example/"),
    )
    return DepositMetadata("p0123456789abcdef", title, "1.0.0", "2026-03-01", authors, ("MIT",), "It wobbles.", ("wobble",))


def facts(
    *,
    made: Image | None = None,
    outputs: tuple[OutputFile, ...] | None = None,
    inputs: tuple[InputFacts, ...] = (),
    code: bytes = b"code",
    log: bytes = b"it ran\n",
    command: tuple[str, ...] = ("python3", "analysis.py", "--bins", "64"),
    env: tuple[tuple[str, str], ...] = (("TAGSTONE_DOI", "10.5072/tagstone.abc123"),),
    resources: Resources | None = None,
) -> Facts:
    """A publication whose run has ended well."""
    made = made or image(b"{}", b"{}", (b"layer",))
    project = ProjectIdentity("example.org/wobble", "wobble", "/home/ada/wobble", "https://example.org/wobble")
    source = SourceFacts(
        project=project,
        commit=Commit("c" * 40, 1_700_000_000, "t" * 40, "v1.0.0"),
        tag="v1.0.0",
        version="1.0.0",
        title="Wobble",
        manifest=MANIFEST,
        citation=CITATION,
        archive_key="code/wobble.tar",
        archive_size=len(code),
        archive_sha256=sha256(code),
        swhid="swh:1:dir:" + "d" * 40,
        inputs=inputs,
    )
    base = BaseImage("debian:bookworm", ImageReference("bases/debian", "sha256:" + "b" * 64))
    spec = RunSpec(
        made.reference, source.archive_key, "/workspace", command, env, resources or Resources(memory=2**29, time=60)
    )
    granted = Granted("inside", "Some CPU @ 3 GHz", 2, 1.0, 2**29, 2**33, 256, "6.1.0", "x86_64")
    status = RunStatus(
        1_772_323_200.25, 1_772_323_260.5, Outcome.SUCCEEDED, 0, granted=granted, engine="Podman 4.3.1", peak_memory=2**20
    )
    return Facts(
        publication="p0123456789abcdef",
        source=source,
        tagstone="0.1.0",
        image=ImageFacts(made, "k" * 64, (base,), PACKAGES, "podman", built=True),
        deposit=deposit(),
        run=RunFacts(spec, status, "podman", "logs/p/run.log", len(log), sha256(log)),
        outputs=outputs if outputs is not None else (output("results/plot.png", b"png"), output("results/table.csv", b"1,2\n")),
    )


def of_matrix(made: Facts, commands: Mapping[str, tuple[str, ...]], outputs: tuple[OutputFile, ...] = ()) -> Facts:
    """The same with one run for each value of `field`, with these commands; the outputs are those of all of them."""
    assert made.run is not None
    one = made.run
    runs = tuple(
        MatrixRun(
            combination, f"{made.publication}-1-{combination.number}", replace(one, spec=replace(one.spec, command=command))
        )
        for combination, command in zip(combinations({"field": list(commands)}), commands.values(), strict=True)
    )
    return replace(made, run=runs[0].run, matrix=runs, outputs=outputs)


def rehearsal(**changes: object) -> Facts:
    """The same without an identifier."""
    made = facts(**changes)  # type: ignore[arg-type]  # passed through
    return replace(made, deposit=None)
