"""What a repository's citation and manifest become in an InvenioRDM: every folder of `tests/assets/inveniordm`.

    PYTHONPATH=tests .venv/bin/python tests/rigs/golden_deposits.py

writes every `expected.json` anew. Read the difference before you commit it: records that are public say it for ever.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakes import facts as recorded
from tagstone.actions.describe import describe
from tagstone.adapters.inveniordm.metadata import Known, record_json, wanted
from tagstone.domain.citations.citation import citation_text, parse_citation
from tagstone.domain.code.source import ProjectIdentity
from tagstone.domain.manifests.manifest import parse_manifest
from tagstone.domain.publications.record import Facts, InputFacts

FOLDER = Path(__file__).parents[1] / "assets" / "inveniordm"
TODAY = "2026-11-21"
SITE = Known(
    licences=frozenset(
        [
            "0bsd",
            "apache-2.0",
            "bsd-2-clause",
            "bsd-3-clause",
            "cc-by-4.0",
            "cc-by-nc-4.0",
            "cc0-1.0",
            "eupl-1.2",
            "gpl-3.0-or-later",
            "isc",
            "lgpl-2.1-or-later",
            "mit",
            "mulanpsl-2.0",
            "unlicense",
        ]
    ),
    affiliations=frozenset({"01ggx4157"}),
    funders=frozenset({"00k4n6c32"}),
)
"""Some of what an InvenioRDM knows that nobody has taught anything; it has no custom fields."""


def cases() -> list[Path]:
    """The folders, each a repository's description and what is expected of it."""
    return sorted(path for path in FOLDER.iterdir() if path.is_dir())


def made(case: Path, site: Known = SITE) -> dict[str, Any]:
    """The body of the draft for one case, at a site that knows these ids."""
    metadata, _ = describe(_facts(case))
    asked = wanted(metadata)
    known = Known(
        asked.licences & site.licences,
        asked.affiliations & site.affiliations,
        asked.funders & site.funders,
        site.code_repository,
    )
    return record_json(metadata, known, today=TODAY)


def written(body: dict[str, Any]) -> str:
    """The body as `expected.json` has it."""
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _facts(case: Path) -> Facts:
    """The facts of one publication whose image a registry keeps, at a forge whose tags have pages."""
    facts = recorded.facts()
    assert facts.image is not None
    manifest = (case / "tagstone.yml").read_text("utf-8") if (case / "tagstone.yml").exists() else facts.source.manifest
    url = f"https://gitlab.example.org/science/{case.name}"
    project = ProjectIdentity(f"gitlab.example.org/science/{case.name}", case.name, f"/home/ada/{case.name}", url)
    source = replace(
        facts.source, project=project, manifest=manifest, citation=_citation(case), inputs=tuple(_inputs(manifest))
    )
    image = replace(facts.image, registry="registry.example.org/science", image=replace(facts.image.image, name=case.name))
    return replace(facts, source=source, image=image)


def _citation(case: Path) -> str:
    """The CITATION.cff, or the one that is made from codemeta.json."""
    file = next(path for name in ("CITATION.cff", "codemeta.json") if (path := case / name).exists())
    text = file.read_text("utf-8")
    citation, faults = parse_citation(text, file.name)
    assert citation is not None, faults
    return text if file.suffix == ".cff" else citation_text(citation)


def _inputs(manifest: str) -> Iterator[InputFacts]:
    parsed, faults = parse_manifest(manifest)
    assert parsed is not None, faults
    for item in parsed.inputs:
        yield InputFacts(item.source, item.to, 3, "a" * 64, f"sha256/aa/{'a' * 64}", doi=item.doi)


if __name__ == "__main__":
    for folder in cases():
        (folder / "expected.json").write_text(written(made(folder)), "utf-8")
