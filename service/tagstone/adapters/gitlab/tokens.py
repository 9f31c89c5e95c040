"""What a GitLab says of a token of ours: every token may ask that of itself (https://docs.gitlab.com/api/personal_access_tokens)."""

from collections.abc import Sequence

from tagstone.adapters.gitlab.answers import moment, strange
from tagstone.adapters.gitlab.client import GitlabSites, speaking
from tagstone.domain.credentials.credential import Sight, lacking
from tagstone.errors import Forbidden

_EVERYTHING = "api"
_LONGEST = 30


class GitlabTokens:
    """Looks at tokens of the GitLabs of `sites`."""

    def __init__(self, sites: GitlabSites) -> None:
        self._sites = sites

    def look(self, forge: str, token: str | None, wants: Sequence[str]) -> Sight:
        """What `token` (None: the site's own) may, and what of the scopes `wants` it lacks.

        Raises:
            Forbidden: GitLab does not accept it.
            Away, Temporary, Permanent: what the server says.
        """
        # Handed over as if it were another's: to look is no use of it.
        gitlab = self._sites.connect(forge, token or self._sites.site(forge).own_token())
        with speaking():
            found = gitlab.http_get("/personal_access_tokens/self")
        if not isinstance(found, dict):
            raise strange("it does not say what the token is")
        if found.get("active") is False or found.get("revoked") is True:
            raise Forbidden("GitLab says that the token is not active.", remedy="Make another, and set that.")
        scopes = _words(found.get("scopes"))
        return Sight(scopes, lacking(scopes, wants, _EVERYTHING), moment(found.get("expires_at")))


def _words(told: object) -> tuple[str, ...]:
    """The scopes, as far as they are words."""
    listed = told if isinstance(told, list) else []
    return tuple(one[:100] for one in listed[:_LONGEST] if isinstance(one, str) and one.isprintable())
