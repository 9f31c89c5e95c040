"""Files of records that have a DOI, on Zenodo or any other InvenioRDM.

`doi:10.5281/zenodo.3939050/file.csv` is the file `file.csv` of the record with that DOI. Hosts of known prefixes are
asked at once; for all others https://doi.org says where the record's page is. https://inveniordm.docs.cern.ch/reference/rest_api_drafts_records/
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from tagstone.adapters.https_client import HttpsClient
from tagstone.domain.reading.nearest import nearest_names
from tagstone.errors import Invalid, NotFound, Permanent

RESOLVER = "https://doi.org"
HOSTS = {"10.5281": "zenodo.org"}

# Plain InvenioRDM and Zenodo both answer it; file endpoints refuse the vendor's type alone.
_ACCEPT = {"Accept": "application/vnd.inveniordm.v1+json, application/json;q=0.9, */*;q=0.5"}
_LIMIT = 8 * 2**20
_ID = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_PAGE = re.compile(r"/records?/([A-Za-z0-9-]{1,100})/?")
_MD5 = re.compile(r"md5:([0-9a-f]{32})")


@dataclass(frozen=True)
class RecordFile:
    """Where a record's file is fetched; `size` in bytes and `md5` as the record tells them, if it does."""

    address: str
    size: int | None
    md5: str


class DoiRecords:
    """Finds files; `hosts` are those of DOI prefixes that are asked at once, `resolver` says where others are."""

    def __init__(self, client: HttpsClient, hosts: Mapping[str, str] | None = None, resolver: str = RESOLVER) -> None:
        self._client = client
        self._hosts = HOSTS if hosts is None else hosts
        self._resolver = resolver

    def find(self, source: str) -> RecordFile:
        """The file that `doi:DOI/NAME` means.

        Raises:
            Invalid: the DOI stands for all versions of a record.
            NotFound: there is no such record or file.
            Forbidden, Permanent, Temporary: the record is not public, or its host is no InvenioRDM, or in trouble.
        """
        prefix, suffix, name = source.removeprefix("doi:").split("/", 2)
        doi = f"{prefix}/{suffix}"
        host, identifier = self._place(prefix, suffix)
        record = self._record(doi, host, identifier)
        _refuse_other_versions(doi, name, record)
        identifier = str(record.get("id", identifier))
        if not _ID.fullmatch(identifier):
            raise _strange(host)
        files = self._entries(host, identifier)
        if name not in files:
            near = nearest_names(name, files, 1) or sorted(files)[:5]
            beside = f"It has: {', '.join(repr(other[:100]) for other in near)}." if near else "Its files may not be public."
            raise NotFound(f"The record {doi} has no file {name[:100]!r}.", remedy=f"Correct the name in `inputs`. {beside}")
        size, told = files[name].get("size"), _MD5.fullmatch(str(files[name].get("checksum")))
        return RecordFile(
            f"https://{host}/api/records/{identifier}/files/{quote(name, safe='')}/content",
            size if isinstance(size, int) and size >= 0 else None,
            told[1] if told else "",
        )

    def _entries(self, host: str, identifier: str) -> dict[str, dict[str, Any]]:
        """What a record tells of each of its files."""
        entries = self._json(f"https://{host}/api/records/{identifier}/files").get("entries")
        listed = entries if isinstance(entries, list) else []
        return {str(entry.get("key")): entry for entry in listed if isinstance(entry, dict)}

    def _place(self, prefix: str, suffix: str) -> tuple[str, str]:
        """Host and id of the record with a DOI."""
        host, identifier = self._hosts.get(prefix), suffix.rpartition(".")[2]
        if host is not None and _ID.fullmatch(identifier):
            return host, identifier
        with self._client.get(f"{self._resolver}/{prefix}/{quote(suffix, safe='')}") as answer:
            at = urlsplit(answer.url)
        page = _PAGE.fullmatch(at.path)
        if page is None:
            raise Permanent(
                f"The DOI {prefix}/{suffix} leads to {at.hostname}, which is no InvenioRDM such as Zenodo.",
                remedy="Name the file's own https address; the DOI can stand below `related`.",
            )
        return at.netloc, page[1]

    def _record(self, doi: str, host: str, identifier: str) -> dict[str, Any]:
        try:
            return self._json(f"https://{host}/api/records/{identifier}")
        except NotFound:
            raise NotFound(
                f"{host} has no public record with the DOI {doi}.",
                remedy="Correct the DOI in `inputs`; drafts have no files yet.",
            ) from None

    def _json(self, url: str) -> dict[str, Any]:
        _, data = self._client.read(url, _LIMIT, _ACCEPT)
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise _strange(str(urlsplit(url).hostname))
        return value


def _refuse_other_versions(doi: str, name: str, record: dict[str, Any]) -> None:
    """A concept DOI leads to the newest version, whichever that is: it moves."""
    own = _doi(record) or str(record.get("doi") or "")
    if own.lower() == doi.lower():
        return
    parent = record.get("parent")
    every = (_doi(parent) if isinstance(parent, dict) else "") or str(record.get("conceptdoi") or "")
    if own and every.lower() == doi.lower():
        raise Invalid(
            f"{doi} stands for all versions of a record: it moves.",
            remedy=f"Name a version; the newest is `doi:{own[:300]}/{name[:300]}`.",
        )
    raise NotFound(f"The record that {doi} leads to has another DOI: {own[:100] or 'none'}.", remedy="Correct the DOI.")


def _doi(record: dict[str, Any]) -> str:
    pids = record.get("pids")
    entry = pids.get("doi") if isinstance(pids, dict) else None
    return str(entry.get("identifier") or "") if isinstance(entry, dict) else ""


def _strange(host: str) -> Permanent:
    return Permanent(f"{host} does not answer like an InvenioRDM.", remedy="Name the file's own https address.")
