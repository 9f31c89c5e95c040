"""A small world to look at: records of every kind, publications in every state, and what strangers may do to pages."""

import base64
import io
import json
import math
from dataclasses import replace

from PIL import Image, ImageDraw

from fakes import facts as recorded
from fakes.installation import NOW, Installation
from tagstone.domain.environments.build import Package
from tagstone.domain.publications.archived import Archived
from tagstone.domain.publications.publication import Step
from tagstone.domain.publications.record import Amendment, Facts, InputFacts, MatrixRun
from tagstone.domain.runs.hardware import Granted
from tagstone.domain.runs.matrix import combinations
from tagstone.domain.runs.run import OutputFile, Sample
from tagstone.store import bundles

STRUCK = "window.struck = true; alert(1)"
EVIL = f"\"'><script>{STRUCK}</script><img src=x onerror='{STRUCK}'><svg onload='{STRUCK}'>{{{{ 7*7 }}}}"
ABSTRACT = """\
The pole of rotation moves about the figure axis of the Earth with two periods, one of a year and one of about 433 days. From the
coordinates of the pole since 1962 we determine both amplitudes and the period and quality factor of the free oscillation.

All figures and tables of the paper are made by this analysis."""


def citation(title: str, abstract: str = ABSTRACT, keywords: tuple[str, ...] = ("Earth rotation", "polar motion")) -> str:
    """A CITATION.cff with people and an institute among the authors."""
    words = {"cff-version": "1.2.0", "message": "Cite it.", "title": title, "abstract": abstract, "license": "MIT"}
    people = [
        {
            "family-names": "Lovelace",
            "given-names": "Ada",
            "orcid": "https://orcid.org/0000-0002-1825-0097",
            "affiliation": "AIP",
        },
        {"family-names": "Küstner", "given-names": "Friedrich", "affiliation": "Königliche Sternwarte"},
        {"name": "International Latitude Service"},
    ]
    return json.dumps(words | {"authors": people, "keywords": list(keywords)}, ensure_ascii=False)


def plot(width: int = 1100, height: int = 520) -> bytes:
    """A picture of two oscillations."""
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    draw.line([(60, 20), (60, height - 40), (width - 20, height - 40)], fill="#333333", width=2)
    for phase, colour in ((0.0, "#0b655f"), (1.2, "#b4511e")):
        line = [
            (60 + x, height / 2 - 180 * math.sin(x / 60 + phase) * (0.6 + 0.4 * math.cos(x / 260)))
            for x in range(0, width - 80, 2)
        ]
        draw.line(line, fill=colour, width=3)
    return _saved(picture, "PNG")


def paper() -> bytes:
    """A PDF of one page."""
    page = Image.new("RGB", (620, 877), "white")
    draw = ImageDraw.Draw(page)
    draw.text((80, 80), "On the motion of the pole", fill="black", font_size=26)
    for line in range(30):
        draw.rectangle((80, 150 + line * 22, 540 - (line % 7 == 6) * 200, 158 + line * 22), fill="#777777")
    return _saved(page, "PDF")


def notebook(title: str = "Periods", extra: tuple[dict[str, object], ...] = ()) -> bytes:
    """A notebook with a text, code, a printed output and a picture."""
    picture = {"image/png": base64.b64encode(plot(500, 220)).decode()}
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": "period 433.0 d\n"},
        {"output_type": "display_data", "data": picture, "metadata": {}},
        *extra,
    ]
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": f"# {title}\n\nThe *free* oscillation, with $T = 433$ d.\n\n| a | b |\n|---|---|\n| 1 | 2 |"},
        {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": "import numpy as np\n\nprint('period', 433.0, 'd')  # days", "outputs": outputs},
    ]  # fmt: skip
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()


def drawing(script: str = "") -> bytes:
    """An SVG, with a script when one is given."""
    ring = '<circle cx="120" cy="80" r="60" fill="none" stroke="#0b655f" stroke-width="8"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="240" height="160" onload="{script}">{ring}<script>{script}</script></svg>'.encode()


def fits() -> bytes:
    """The header of a FITS file."""
    cards = ["SIMPLE  =                    T / conforms to FITS", "BITPIX  =                  -64", "NAXIS   =                    2", "OBJECT  = 'Crab    '", "END"]  # fmt: skip
    return "".join(card.ljust(80) for card in cards).ljust(2880).encode()


def used(facts: Facts) -> Facts:
    """The same with a minute's samples of what the run used."""
    assert facts.run is not None
    samples = tuple(
        Sample(
            float(at), 0.4 + 0.5 * abs(math.sin(at / 9)), int(2**27 + 2**27 * min(at / 40, 1) * (1 + 0.1 * math.sin(at / 3)))
        )
        for at in range(61)
    )
    return replace(facts, run=replace(facts.run, status=replace(facts.run.status, usage=samples, peak_memory=2**28)))


def described(facts: Facts, title: str, **changes: object) -> Facts:
    """The same with a title and a whole citation."""
    name = title.lower().replace(" ", "-")[:24] if title.isprintable() and "<" not in title else "odd"
    project = replace(facts.source.project, key=f"example.org/{name}", name=name, url=f"https://example.org/{name}")
    source = replace(facts.source, project=project, title=title, citation=citation(title), **changes)  # type: ignore[arg-type]  # passed through
    return replace(facts, source=source)


def rich(installation: Installation) -> str:
    """A record with outputs of every kind."""
    fetched = InputFacts(
        "https://data.example/eop/c04.txt", "data/c04.txt", 4_194_304, "d" * 64, "k", "10.5281/zenodo.123", "CC-BY-4.0"
    )
    far = replace(fetched, source="https://data.example/large.h5", path="data/large.h5", doi=None, licence=None, copied=False)
    facts = described(
        used(recorded.facts()),
        "The Chandler wobble from sixty years of polar motion",
        version="2.1.0",
        inputs=(fetched, far),
        swhid="swh:1:dir:" + "a" * 40,
    )
    assert facts.image is not None
    packages = (*facts.image.packages, Package("pypi", "numpy", "2.4.6"), Package("pypi", "astropy", "8.0.2"))
    facts = replace(facts, image=replace(facts.image, packages=packages))
    table = "date,x [mas],y [mas],sigma\n" + "".join(
        f"19{62 + row}-01-01,{row * 1.37:.2f},{200 - row * 2.1:.2f},0.03\n" for row in range(30)
    )
    outputs = {
        "figures/wobble.png": plot(), "figures/ring.svg": drawing(), "paper.pdf": paper(), "tables/amplitudes.csv": table.encode(),
        "periods.ipynb": notebook(), "fit.json": json.dumps({"period": 433.0, "q": 127.0}, indent=2).encode(), "map.fits": fits(), "raw.bin": bytes(5000),
    }  # fmt: skip
    publication = installation.record(outputs, facts, id="p" + "a" * 16, version="2.1.0")
    extra = {
        "codemeta.json": b"{}",
        "provenance.intoto.json": b"{}",
        "sbom.cdx.json": b"{}",
        "ro-crate-metadata.json": b"{}",
        "CITATION.cff": b"x",
    }
    files = {f"outputs/{path}": data for path, data in outputs.items()} | {"logs/run.log": b"reading c04.txt\nfit converged\n"}
    installation.bundle(publication, files | extra | {"tagstone.json": b"{}", "reproduce.sh": b"#!/bin/sh\n"})
    older = described(recorded.facts(), "The Chandler wobble from sixty years of polar motion", version="2.0.0")
    installation.record({"figures/wobble.png": plot()}, older, id="p" + "9" * 16, version="2.0.0", created_at=NOW - 86_400 * 90)
    return publication


def on_cluster(facts: Facts) -> Facts:
    """The same, as it ran on a cluster that granted less than was asked for, with an hour's samples of its use."""
    assert facts.run is not None
    run = facts.run
    asked = replace(
        run.spec.resources, cpu=4.0, memory=16 * 2**30, gpu=1, gpu_type="nvidia.com/gpu", time=7200, profile="gpu-a100"
    )
    granted = Granted(
        "inside", "AMD EPYC 7763 64-Core Processor", 128, 3.9, 15 * 2**30, 2**40, 4096, "5.14.0-427.el9.x86_64", "x86_64",
        ("NVIDIA A100-SXM4-80GB",), "550.54.15", "gpu-node-17.cluster.example.org",
        "registry.example.org/wobble@sha256:" + "9f" * 32, "Burstable",
    )  # fmt: skip
    usage = tuple(
        Sample(18.0 * at, 0.3 if at < 20 else 3.1 + 0.7 * math.sin(at * 0.9), int(2**30 * (1 + 12 * min(at / 120, 1))))
        for at in range(200)
    )
    status = replace(
        run.status, finished_at=(run.status.started_at or 0) + 3582, granted=granted, engine="Kubernetes 1.31.2 (gpu-farm)",
        cluster="gpu-farm", network_held=True, usage=usage, peak_memory=13 * 2**30, cpu_seconds=10_200.0,
    )  # fmt: skip
    return replace(facts, run=replace(run, spec=replace(run.spec, resources=asked), status=status))


def cluster(installation: Installation) -> str:
    """A record whose run was on a cluster."""
    facts = on_cluster(described(recorded.facts(), "Shapes of galaxies at redshift one"))
    return installation.record({"shapes.csv": b"a,b\n1,2\n"}, facts, id="p" + "3" * 16, created_at=NOW - 4500)


def matrix(installation: Installation) -> str:
    """A record of twelve runs on a cluster, which differ by three values."""
    facts = on_cluster(described(recorded.facts(), "Halo masses in three models of gravity"))
    assert facts.run is not None
    values: dict[str, list[object]] = {
        "seed": [1, 2],
        "field": ["north", "the south galactic cap"],
        "model": ["lcdm", "f(R)", "symmetron"],
    }
    every, run = combinations(values), facts.run
    runs = tuple(
        MatrixRun(one, f"p-1-{one.number}", run, "No file matches the output pattern 'map.png'." if one.number == 5 else "")
        for one in every
    )
    whole = replace(run, status=replace(run.status, usage=()))
    outputs = {f"{one.folder}/masses.csv": f"mass,count\n{one.number},2\n".encode() for one in every}
    return installation.record(outputs, replace(facts, run=whole, matrix=runs), id="p" + "4" * 16, created_at=NOW - 4600)


def working_matrix(installation: Installation) -> str:
    """A matrix under way, whose runs say something each."""
    facts = described(recorded.facts(), "Lensing maps of two fields")
    publication = installation.publication(
        facts, id="p" + "5" * 16, state="working", step="run", finished_at=None,
        waiting="Of 12 runs 1 have ended, 2 are under way. The cluster has no node with 4 processors left.",
    )  # fmt: skip
    for step in (Step.RESOLVE, Step.BUILD, Step.RESERVE):
        installation.step(publication, step, "done")
    installation.step(publication, Step.RUN, "started")
    installation.log(
        publication, "run-1", [b"=== run 1 (seed=1, field=north): succeeded after 2 min 1 s ===\nmap written\n"], ended=False
    )
    for number in (2, 3):
        installation.log(publication, f"run.{number}-1", [b"tile %d of 40\n" % tile for tile in range(number * 3)], ended=False)
    return publication


def environment(installation: Installation) -> str:
    """An environment alone: nothing was run."""
    facts = replace(described(recorded.facts(), "A Python environment for pulsar timing"), run=None)
    assert facts.image is not None
    settings = replace(facts.image.image.settings, exposed_ports=("8888/tcp",))
    facts = replace(facts, image=replace(facts.image, image=replace(facts.image.image, settings=settings)))
    return installation.record({}, facts, id="p" + "b" * 16, created_at=NOW - 4000)


def brought(installation: Installation) -> str:
    """Results that were made elsewhere."""
    data = b"frequency,dispersion\n1400,56.7\n2300,56.8\n"
    made = recorded.output("published/crab.csv", data)
    output = OutputFile(made.path, made.size, made.sha256, made.storage_key, brought=True)
    facts = replace(described(recorded.facts(), "Crab pulsar timing, as published in 1993"), run=None, outputs=(output,))
    publication = installation.publication(facts, id="p" + "c" * 16, created_at=NOW - 5000)
    installation.bundle(publication, {"brought/published/crab.csv": data})
    return publication


def hostile(installation: Installation) -> str:
    """Everything that strangers may write holds scripts."""
    facts = described(recorded.facts(command=("python3", EVIL)), EVIL)
    facts = replace(facts, source=replace(facts.source, citation=citation(EVIL, EVIL, (EVIL,)), version="1<script>"))
    kinds = {"text/html": EVIL, "application/javascript": STRUCK}
    script: tuple[dict[str, object], ...] = tuple(
        {"output_type": "display_data", "metadata": {}, "data": {kind: text}} for kind, text in kinds.items()
    )
    outputs = {
        "evil.svg": drawing(STRUCK), "evil.ipynb": notebook(EVIL, script), "evil.csv": f"a,b\n{EVIL},1\n".encode(),
        "evil.txt": EVIL.encode(), "evil.png": f"<html><script>{STRUCK}</script>".encode(), "evil.pdf": b"%PDF-1.7 " + EVIL.encode(),
        f"<img src=x onerror={STRUCK.replace('/', '')}>.txt": b"hello",
    }  # fmt: skip
    publication = installation.record(outputs, facts, id="p" + "d" * 16, created_at=NOW - 6000)
    files = {f"outputs/{path}": data for path, data in outputs.items()}
    installation.bundle(publication, files | {"logs/run.log": EVIL.encode()})
    return publication


def failed(installation: Installation, number: int, kind: str, step: Step, log: bytes, error: str, remedy: str) -> str:
    """A publication that ended badly at `step`."""
    facts = described(recorded.facts(), "Tides of the Baltic Sea")
    publication = installation.publication(
        facts,
        id=f"p{number:016x}",
        state="failed",
        step=step,
        error=error,
        error_kind=kind,
        remedy=remedy,
        finished_at=NOW - 500,
    )
    for before in (Step.RESOLVE, Step.BUILD, Step.RESERVE, Step.RUN):
        installation.step(publication, before, "failed" if before is step else "done", detail=error if before is step else None)
        if before is step:
            break
    installation.log(publication, f"{step}-1", [log])
    return publication


def working(installation: Installation, wanted: str = "p" + "e" * 16) -> str:
    """A publication under way, with a log that has begun."""
    facts = described(recorded.facts(), "Light curves of the Pleiades")
    publication = installation.publication(facts, id=wanted, state="working", step="run", finished_at=None, tree="t")
    for step in (Step.RESOLVE, Step.BUILD, Step.RESERVE):
        installation.step(publication, step, "done")
    installation.step(publication, Step.RUN, "started")
    installation.log(publication, "run-1", [b"epoch 1 of 40\nepoch 2 of 40\n"], ended=False)
    return publication


def waiting(installation: Installation) -> str:
    """A publication that waits for a person."""
    publication = installation.publication(
        described(recorded.facts(), "Solar radio bursts"),
        id="p" + "f" * 16,
        state="working",
        step="review",
        waiting="waits for approval",
        finished_at=None,
    )
    for step in (Step.RESOLVE, Step.BUILD, Step.RESERVE, Step.RUN, Step.COLLECT, Step.BUNDLE, Step.UPLOAD):
        installation.step(publication, step, "done")
    installation.step(publication, Step.REVIEW, "waiting")
    files = [Archived(f"outputs/bursts/{number:02}.csv", 1000 * number, "a" * 64, "b" * 32) for number in range(1, 20)]
    with installation.sessions.write() as session:
        bundles.put(session, publication, f"bundles/{publication}", files)
    return publication


def amended(installation: Installation) -> str:
    """A record at a depository, looked after since: amended, under embargo, and not what was sent."""
    deposit = replace(recorded.deposit(registered=True), depository="zenodo", url="https://zenodo.example/records/1")
    manifest = recorded.MANIFEST + "deposit: {access: embargoed, embargo: 2027-06-01, licences: {outputs: CC-BY-4.0}}\n"
    facts = described(recorded.facts(), "Spectra of symbiotic stars", manifest=manifest)
    facts = replace(facts, deposit=deposit, amendments=(Amendment(NOW - 5000, "ada"), Amendment(NOW - 100, "ada")))
    drift = "deposit: different: 'outputs/spectra.fits' (not as in recorded and SHA256SUMS)\ndeposit: extra: 'notes.txt'"
    return installation.record(
        {"spectra.csv": b"a,b\n1,2\n"}, facts, id="p" + "7" * 16, created_at=NOW - 7000, owner="Leibniz-Institut für Astrophysik Potsdam",
        drift=drift, checked_at=NOW - 50, closed_until=NOW + 86_400,
    )  # fmt: skip


def withdrawn(installation: Installation) -> str:
    """A record whose place a tombstone took."""
    reason = "The clock of the spectrograph was wrong by 12 s, which moves every epoch; version 2.1.0 has the corrected times."
    facts = described(recorded.facts(), "Times of minima of eclipsing binaries")
    return installation.record(
        {}, facts, id="p" + "8" * 16, created_at=NOW - 8000, state="withdrawn", withdrawn_at=NOW, withdrawn_because=reason, withdrawn_by="ada"
    )  # fmt: skip


def many(installation: Installation) -> None:
    """Enough records for a second page."""
    names = ("Sunspots", "Variable stars", "Ocean heat", "Glacier lengths", "Cosmic rays", "Ozone column")
    for number in range(30):
        facts = described(recorded.facts(), f"{names[number % 6]} since {1900 + number}")
        installation.publication(facts, id=f"p{number + 4096:016x}", created_at=NOW - 100_000 - number * 50_000)


def _saved(picture: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind)
    return stream.getvalue()
