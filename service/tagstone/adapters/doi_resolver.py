"""Where DOIs lead, asked of the resolver without following."""

from urllib.parse import quote

import requests

from tagstone.errors import Away

_SECONDS = 30.0


class DoiResolver:
    """Asks the resolver at `address`, such as https://doi.org."""

    def __init__(self, http: requests.Session, address: str) -> None:
        self._http = http
        self._address = address.rstrip("/")

    def target(self, doi: str) -> str | None:
        """Where the DOI leads; None while it leads nowhere. Raises: Away when the resolver gives no answer."""
        try:
            answer = self._http.head(f"{self._address}/{quote(doi, safe='/')}", allow_redirects=False, timeout=_SECONDS)
        except requests.RequestException as error:
            raise Away(f"The DOI resolver does not answer: {type(error).__name__}.") from None
        if answer.status_code == requests.codes.not_found:
            return None
        if not answer.is_redirect:
            raise Away(f"The DOI resolver answers {answer.status_code}.")
        return answer.headers["Location"]
