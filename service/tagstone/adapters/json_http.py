"""Small JSON documents over HTTP, of servers that may answer anything: no redirect is followed, and no answer is read for ever."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tagstone.errors import Away, Invalid, Permanent, Temporary

_BYTES = 1 << 20
_PIECE = 1 << 14
_SECONDS = 15.0


class JsonHttp:
    """Asks with `http`; a server may be silent for `silence` seconds, and its CA is in `site_ca` (PEM) where it is not a usual one."""

    def __init__(self, http: requests.Session, site_ca: Path | None = None, silence: float = _SECONDS) -> None:
        self._http = http
        self._verify = str(site_ca) if site_ca else True
        self._silence = silence

    def get(self, url: str) -> dict[str, Any]:
        """The object at `url`. Raises: Away, Temporary, Permanent."""
        return self._ask("GET", url, None, None)

    def post(self, url: str, form: Mapping[str, str], credentials: tuple[str, str] | None = None) -> dict[str, Any]:
        """What is answered to a form. Raises: Away, Temporary, Permanent; Invalid where the server calls the form wrong."""
        return self._ask("POST", url, dict(form), credentials)

    def _ask(self, method: str, url: str, form: dict[str, str] | None, credentials: tuple[str, str] | None) -> dict[str, Any]:
        host = urlsplit(url).hostname
        try:
            with self._http.request(
                method,
                url,
                data=form,
                auth=credentials,
                headers={"Accept": "application/json"},
                allow_redirects=False,
                stream=True,
                timeout=self._silence,
                verify=self._verify,
            ) as answer:
                body = _read(answer, self._silence)
                status = answer.status_code
        except (requests.RequestException, ValueError) as error:
            # The text of such an error may quote the address with what stands in it.
            raise Away(f"{host} does not answer: {type(error).__name__}.") from None
        if status >= 500 or status == requests.codes.too_many_requests:
            raise Temporary(f"{host} answers {status}.")
        if status in (400, 401, 403) and form is not None:
            raise Invalid(f"{host} refuses what it was asked ({status}).", remedy="Begin again.")
        if status != requests.codes.ok or body is None:
            raise Permanent(
                f"{host} answers {status} with nothing that can be used.", remedy="Look at the address in the settings."
            )
        return _object(body, host)


def _read(answer: requests.Response, seconds: float) -> bytes | None:
    """The body; None where it is too long, or takes longer than `seconds` in all."""
    data, ends = bytearray(), time.monotonic() + seconds
    for piece in answer.iter_content(_PIECE):
        data += piece
        if len(data) > _BYTES or time.monotonic() > ends:
            return None
    return bytes(data)


def _object(body: bytes, host: str | None) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Permanent(f"{host} answers no JSON object.", remedy="Look at the address in the settings.")
    return document
