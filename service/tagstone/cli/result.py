"""A publication as programs are told it: one flat object, the same from `publish`, `rehearse`, `show`, `retry` and `cancel`."""

import json
from typing import TYPE_CHECKING, Any

from tagstone.domain.publications.publication import State

if TYPE_CHECKING:
    from tagstone.bootstrap import Application
    from tagstone.domain.publications.record import Facts
    from tagstone.store.tables import Publication


def facts_of(row: "Publication") -> "Facts | None":
    """What was recorded of a publication so far."""
    from tagstone.domain.publications import record

    return record.load(row.facts.encode()) if row.facts else None


def _run(one: dict[str, Any]) -> dict[str, object]:
    """One run of a matrix."""
    combination, status = one["combination"], one["run"]["status"]
    return {
        "number": combination["number"],
        "folder": combination["folder"],
        "values": dict(combination["values"]),
        "outcome": status["outcome"],
        "problem": one["problem"] or None,
        "started_at": status["started_at"],
        "finished_at": status["finished_at"],
        "granted": status["granted"],
    }


def result(application: "Application", row: "Publication") -> dict[str, object]:
    """The object: sizes in bytes, checksums in hexadecimal, times in seconds since the epoch, paths absolute."""
    # As plain JSON: to build the model of all facts takes as long as the rest of the answer that all is done.
    facts: dict[str, Any] = json.loads(row.facts) if row.facts else {}
    outputs = facts.get("outputs") or ()
    return {
        "publication": row.id,
        "kind": row.kind,
        "state": row.state,
        "step": row.step,
        "project": row.project.name,
        "ref": row.ref,
        "commit": row.commit,
        "title": row.title,
        "version": row.version,
        "doi": row.doi,
        "concept_doi": row.concept_doi,
        "resolves": row.resolved_at is not None,
        "resolved_at": row.resolved_at,
        "account": row.account,
        "owner": row.owner,
        "checked_at": row.checked_at,
        "drift": row.drift,
        "amended_at": [one["at"] for one in facts.get("amendments") or ()],
        "withdrawn_at": row.withdrawn_at,
        "withdrawn_because": row.withdrawn_because,
        "registered": bool((facts.get("deposit") or {}).get("registered")),
        "image": image(row, (facts.get("image") or {}).get("registry", "")),
        "bundle": bundle(application, row),
        "record_url": record_url(application, row),
        "ran": facts.get("run") is not None,
        "runs": [_run(one) for one in facts.get("matrix") or ()],
        "outputs": [
            {key: output[key] for key in ("path", "size", "sha256")} | {"brought": bool(output.get("brought"))}
            for output in outputs
        ],
        "waiting": row.waiting,
        "error": row.error,
        "remedy": row.remedy,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }


def image(row: "Publication", host: str) -> str | None:
    """The image by digest, behind the `host` of the registry that keeps it (empty: nobody but us does)."""
    if row.image is None:
        return None
    return f"{host}/{row.image}" if host else row.image


def bundle(application: "Application", row: "Publication") -> str | None:
    """The bundle's folder, once it is written whole."""
    return str(application.home / row.bundle_key) if row.bundle_key else None


def record_url(application: "Application", row: "Publication") -> str | None:
    """The page of the record; a publication that is not published has none."""
    return f"{application.url}/records/{row.id}" if State(row.state).done else None
