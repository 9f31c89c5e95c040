"""Which ids a site's vocabularies have; asked once, since they hardly ever change."""

import re
import time
from collections.abc import Callable, Iterable

from tagstone.adapters.inveniordm.answers import objects, part, word
from tagstone.adapters.inveniordm.client import Client
from tagstone.adapters.inveniordm.metadata import Known

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}")
_LICENCES, _AFFILIATIONS, _FUNDERS = "/vocabularies/licenses", "/affiliations", "/funders"
_AT_ONCE = 20
_BELIEVED = 3600.0  # seconds that an id counts as unknown: it may be taken up any day


class Vocabularies:
    """What is known of one site's vocabularies, by all of its accounts."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._there: set[tuple[str, str]] = set()
        self._missing: dict[tuple[str, str], float] = {}

    def known(self, client: Client, wanted: Known) -> Known:
        """Those of the wanted ids that the site has."""
        return Known(
            licences=self._those(client, _LICENCES, wanted.licences),
            affiliations=self._those(client, _AFFILIATIONS, wanted.affiliations),
            funders=self._those(client, _FUNDERS, wanted.funders),
            # A site without the field says so in its answer, and keeps everything else.
            code_repository=wanted.code_repository,
        )

    def _those(self, client: Client, vocabulary: str, ids: Iterable[str]) -> frozenset[str]:
        asked = sorted(identifier for identifier in ids if _ID.fullmatch(identifier))
        unsure = [identifier for identifier in asked if not self._sure(vocabulary, identifier)]
        for start in range(0, len(unsure), _AT_ONCE):
            self._look(client, vocabulary, unsure[start : start + _AT_ONCE])
        return frozenset(identifier for identifier in asked if (vocabulary, identifier) in self._there)

    def _sure(self, vocabulary: str, identifier: str) -> bool:
        key = (vocabulary, identifier)
        return key in self._there or self._missing.get(key, float("-inf")) > self._now() - _BELIEVED

    def _look(self, client: Client, vocabulary: str, ids: list[str]) -> None:
        query = " OR ".join(f'id:"{identifier}"' for identifier in ids)
        document = client.get(vocabulary, {"q": query, "size": "100"}).document()
        there = {word(hit, "id") for hit in objects(part(document, "hits"), "hits")}
        for identifier in ids:
            if identifier in there:
                self._there.add((vocabulary, identifier))
            else:
                self._missing[vocabulary, identifier] = self._now()
