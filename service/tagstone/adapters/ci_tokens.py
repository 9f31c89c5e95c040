"""Identity tokens of CI jobs (`id_tokens` in GitLab's pipelines): whether one of our forges made them for this service.

What a job may do by what its token says is judged in `domain.forges.claims`
(https://docs.gitlab.com/ci/secrets/id_token_authentication/).
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from tagstone.adapters.json_http import JsonHttp
from tagstone.adapters.signed_tokens import Keys, named_issuer, verified
from tagstone.errors import Unproven
from tagstone.ports import Clock

_KEYS = "/oauth/discovery/keys"


class JobTokens:
    """Verifies tokens of the forges whose addresses are given by their names; `audience` is this service's own address."""

    def __init__(self, forges: Mapping[str, tuple[str, JsonHttp]], audience: str, clock: Clock) -> None:
        # A slash at the end is easily written in a pipeline, and means the same.
        self._audiences = (audience, f"{audience}/")
        self._clock = clock
        self._issuers = {url.rstrip("/"): name for name, (url, _) in forges.items()}
        self._keys = {
            url.rstrip("/"): Keys(partial(client.get, url.rstrip("/") + _KEYS), clock) for url, client in forges.values()
        }

    def verify(self, token: str) -> tuple[str, dict[str, Any]]:
        """The forge's name and what the token says. Raises: Unproven; Temporary when the forge's keys cannot be had."""
        issuer = named_issuer(token)
        if issuer not in self._issuers:
            raise Unproven(
                "The token is of a GitLab that this service does not know.", remedy="Publish at the service of your own GitLab."
            )
        claims = verified(token, self._keys[issuer], issuer, self._audiences, self._clock.now())
        return self._issuers[issuer], claims
