"""The drafts that citations become, before a real server: taken as they are, without one fault."""

import json
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from fakes import facts as recorded
from rigs.golden_deposits import SITE, cases
from servers.inveniordm.server import InvenioRDM
from tagstone.adapters.inveniordm.metadata import NAME, TITLE, VERSION, WORD, Known, record_json
from tagstone.domain.deposits.deposit import Access, Affiliation, Creator, DepositMetadata, Funding, PartLicence, Related
from tagstone.domain.manifests.values import KINDS, RELATIONS

pytestmark = pytest.mark.inveniordm

HOSTILE = (
    "<script>alert(1)</script>x",
    "a\x00\x1b[31mb",
    "\ud800abc",
    "<svg onload=x>",
    "&lt;script&gt;",
    "🔭" * 3000,
    "\u202eabc",
)
HARMLESS = "Missing uploaded files"


@contextmanager
def drafted(server: InvenioRDM, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The server's answer to a draft that it has to take whole; the draft is gone afterwards."""
    headers = {"Authorization": f"Bearer {server.owner.token}", "Accept": "application/vnd.inveniordm.v1+json"}
    answer = requests.post(f"{server.url}/api/records", json=body, headers=headers, timeout=60)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    try:
        assert [error for error in document.get("errors", []) if HARMLESS not in json.dumps(error)] == []
        yield document
    finally:
        requests.delete(f"{server.url}/api/records/{document['id']}/draft", headers=headers, timeout=60)


def described(**changes: Any) -> DepositMetadata:
    return replace(recorded.metadata(), **changes)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_every_citation_is_taken_whole_and_its_words_are_kept(inveniordm: InvenioRDM, case: Path) -> None:
    body = json.loads((case / "expected.json").read_text("utf-8"))
    with drafted(inveniordm, body) as answer:
        said, kept = body["metadata"], answer["metadata"]
        assert _ids(kept) == _ids(said)
        assert [one["person_or_org"].get("family_name") for one in kept["creators"]] == [
            one["person_or_org"].get("family_name") for one in said["creators"]
        ]
        assert len(kept["related_identifiers"]) == len(said["related_identifiers"])
        assert _folded(kept.get("description", "")) == _folded(said.get("description", ""))
        assert (answer["access"]["record"], answer["access"]["files"]) == (body["access"]["record"], body["access"]["files"])


def test_a_site_that_nobody_has_taught_anything_knows_these_ids(inveniordm: InvenioRDM) -> None:
    for vocabulary, ids in (
        ("vocabularies/licenses", SITE.licences),
        ("affiliations", SITE.affiliations),
        ("funders", SITE.funders),
    ):
        for identifier in sorted(ids):
            assert requests.get(f"{inveniordm.url}/api/{vocabulary}/{identifier}", timeout=60).status_code == 200, identifier


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_record_is_known(inveniordm: InvenioRDM, kind: str) -> None:
    with drafted(inveniordm, record_json(described(kind=kind), SITE)) as answer:
        assert answer["metadata"]["resource_type"]["id"]


def test_every_relation_and_every_kind_of_work_is_known(inveniordm: InvenioRDM) -> None:
    kinds = (*KINDS, "article", "book", "conference-paper", "preprint", "report", "thesis")
    works = [Related(f"10.5281/zenodo.{number}", relation) for number, relation in enumerate(RELATIONS.values())]
    works += [Related(f"https://example.org/{kind}", "references", "url", kind) for kind in kinds]
    with drafted(inveniordm, record_json(described(related=tuple(works)), SITE)) as answer:
        assert len(answer["metadata"]["related_identifiers"]) == len(works)


def test_the_longest_texts_are_taken(inveniordm: InvenioRDM) -> None:
    long = described(
        title="x" * TITLE,
        version="1" * VERSION,
        keywords=("k" * WORD,),
        creators=(Creator("n" * NAME),),
        description="word " * 20_000,
    )
    with drafted(inveniordm, record_json(long, SITE)) as answer:
        assert answer["metadata"]["title"] == "x" * TITLE


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_texts_are_taken_and_do_nothing(inveniordm: InvenioRDM, text: str) -> None:
    title = f"abc {text}"
    hostile = described(
        title=title,
        description=f"{title}\n\n<p>{text}</p>",
        version=text,
        keywords=(text,),
        creators=(
            Creator(text, text, text, text, (Affiliation(text, text),), url=text),
            Creator(text, organisation=True, ror=text),
        ),
        licences=(text, "MIT"),
        part_licences=(PartLicence(text, text),),
        funding=(Funding(text, text, text, text, text),),
        related=(Related(text, "references", "url"), Related(text, text, text, text)),
        publisher=title,
        repository=text,
        embargo=text,
        access=Access.EMBARGOED,
    )
    with drafted(inveniordm, record_json(hostile, Known())) as answer:
        assert "<script" not in answer["metadata"].get("description", "")
        assert answer["access"]["files"] == "public"


def _folded(text: str) -> str:
    """The text as the server repairs it: wide forms become narrow ones (ftfy)."""
    return unicodedata.normalize("NFKC", text)


def _ids(metadata: dict[str, Any]) -> list[object]:
    """What is named by an id of a vocabulary."""
    affiliations = [place.get("id") for one in metadata["creators"] for place in one.get("affiliations", ())]
    relations = [
        (work["identifier"], work["relation_type"]["id"])
        for work in metadata.get("related_identifiers", ())
        if work["scheme"] != "arxiv"
    ]
    return [
        metadata["resource_type"]["id"],
        [right.get("id") for right in metadata.get("rights", ())],
        [one["funder"].get("id") for one in metadata.get("funding", ())],
        affiliations,
        relations,
    ]
