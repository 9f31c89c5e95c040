"""The depositories of a site, by name: the local folder, and every InvenioRDM that is configured."""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter

from tagstone.adapters.folder_depository import FolderDepository
from tagstone.adapters.inveniordm.client import Client
from tagstone.adapters.inveniordm.curation import InvenioCuration
from tagstone.adapters.inveniordm.depository import InvenioDepository
from tagstone.adapters.inveniordm.files import InvenioFiles
from tagstone.adapters.inveniordm.gate import Gate
from tagstone.adapters.inveniordm.records import Reading
from tagstone.adapters.inveniordm.vocabularies import Vocabularies
from tagstone.adapters.site_token import site_token
from tagstone.domain.deposits.deposit import Limits
from tagstone.errors import Forbidden, NotFound
from tagstone.ports import Clock, DepositAccount

_CONNECTIONS = 32  # kept open at most: as many as a worker has threads, and some


@dataclass(frozen=True)
class InvenioSite:
    """An InvenioRDM at `url`; `token` (or what is in `token_file`) is of `owner`. `silence` in seconds ends a call."""

    url: str
    owner: str
    limits: Limits
    registered: bool
    restricted: bool = False
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    site_ca: Path | None = None
    silence: float = 60.0

    def own_token(self) -> str | None:
        """The site's own token. Raises: Forbidden when its file cannot be read."""
        return site_token(self.token, self.token_file)


class SiteDepositories:
    """The local depository, which needs no account, and those of `sites`, by their configured names."""

    def __init__(self, local: FolderDepository, sites: Mapping[str, InvenioSite], clock: Clock) -> None:
        self._local = local
        self._sites = sites
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, requests.Session] = {}
        self._vocabularies = {name: Vocabularies() for name in sites}
        self._gates: dict[tuple[str, str], Gate] = {}

    def account(self, depository: str, name: str, token: str | None) -> DepositAccount:
        """An account by its name; without a `token` it is the site's own. Raises: NotFound, Forbidden without a token."""
        if depository == self._local.name:
            local = self._local
            return DepositAccount(name, "this installation", local, local, local, Limits(), registered=False)
        if depository not in self._sites:
            known = ", ".join([self._local.name, *sorted(self._sites)])
            raise NotFound(f"This site has no depository {depository}.", remedy=f"It has {known}.")
        site = self._sites[depository]
        given = token or site.own_token()
        if not given:
            raise Forbidden(
                f"The site's account at {depository} has no token.",
                remedy=f"Set TAGSTONE_DEPOSITORIES__{depository.upper().replace('-', '_')}__TOKEN, or bind the project to an account.",
            )
        client = Client(self._session(depository), site.url, given, self._gate(site.url, given), site.silence)
        reading = Reading(depository, client.root, site.registered)
        deposits = InvenioDepository(client, reading, self._vocabularies[depository], self._clock)
        return DepositAccount(
            name=name,
            owner=site.owner if token is None else f"the account {name}",
            depository=deposits,
            files=InvenioFiles(client, deposits),
            curation=InvenioCuration(client, reading, deposits, restricted=site.restricted),
            limits=site.limits,
            registered=site.registered,
        )

    def _session(self, depository: str) -> requests.Session:
        """One pool of connections for each site. Cookies are refused: they would bring a session, and its CSRF rules."""
        with self._lock:
            if depository not in self._sessions:
                session = requests.Session()
                session.mount("https://", HTTPAdapter(pool_maxsize=_CONNECTIONS))
                session.mount("http://", HTTPAdapter(pool_maxsize=_CONNECTIONS))
                session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
                site_ca = self._sites[depository].site_ca
                session.verify = str(site_ca) if site_ca else True
                self._sessions[depository] = session
            return self._sessions[depository]

    def _gate(self, url: str, token: str) -> Gate:
        with self._lock:
            return self._gates.setdefault((url, hashlib.sha256(token.encode()).hexdigest()), Gate())
