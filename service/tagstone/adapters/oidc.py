"""A provider that people sign in with: OpenID Connect Core 1.0, authorisation code with PKCE (RFC 7636, RFC 9700)."""

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from tagstone.adapters.json_http import JsonHttp
from tagstone.adapters.signed_tokens import Keys, verified
from tagstone.domain.people.signed_in import SignedIn
from tagstone.domain.publications.letter import address
from tagstone.errors import Permanent, Unproven
from tagstone.ports import Clock

_DAY = 86_400.0
_LONGEST = 500
_NAMES = ("preferred_username", "nickname", "name", "sub")
_REMEDY = "Compare TAGSTONE_SIGN_IN__ISSUER with what the provider calls itself."


class OidcProvider:
    """Signs people in as the client `client` of `issuer`; without a `secret` PKCE alone protects the code."""

    def __init__(self, http: JsonHttp, issuer: str, client: str, secret: str | None, clock: Clock) -> None:
        self._http = http
        self._issuer = issuer
        self._client = client
        self._secret = secret
        self._clock = clock
        self._known: tuple[float, dict[str, str]] | None = None
        self._keys = Keys(lambda: http.get(self._ends()["jwks_uri"]), clock)

    @property
    def issuer(self) -> str:
        """Who the provider is."""
        return self._issuer

    def check(self) -> None:
        """Ask the provider who it is. Raises: Away, Temporary; Permanent where it calls itself otherwise than the settings do."""
        self._known = None
        self._ends()

    def address(self, redirect: str, state: str, nonce: str, challenge: str) -> str:
        """Where people are sent to sign in. Raises: Away, Temporary, Permanent."""
        query = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": redirect,
            "scope": "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        end = self._ends()["authorization_endpoint"]
        return f"{end}{'&' if '?' in end else '?'}{urlencode(query)}"

    def person(self, code: str, redirect: str, verifier: str, nonce: str) -> SignedIn:
        """Who signed in, in exchange for what the provider gave their browser. Raises: Unproven, Invalid, Away, Temporary, Permanent."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        credentials = None
        if self._secret is None:
            form["client_id"] = self._client
        else:
            # RFC 6749, section 2.3.1: both are form-encoded first.
            credentials = quote(self._client, safe=""), quote(self._secret, safe="")
        token = self._http.post(self._ends()["token_endpoint"], form, credentials).get("id_token")
        if not isinstance(token, str):
            raise Unproven("The provider did not say who signed in.", remedy="Sign in again.")
        claims = verified(token, self._keys, self._issuer, [self._client], self._clock.now())
        return self._told(claims, nonce)

    def _told(self, claims: Mapping[str, Any], nonce: str) -> SignedIn:
        said, subject = claims.get("nonce"), claims.get("sub")
        if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
            raise Unproven("The provider's answer belongs to another attempt to sign in.", remedy="Sign in again.")
        if claims.get("azp", self._client) != self._client:
            raise Unproven("The provider's answer was made for another service.", remedy="Sign in again.")
        if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST:
            raise Unproven("The provider did not say who signed in.", remedy="Sign in again.")
        names = (claims.get(name) for name in _NAMES)
        name = next(name for name in names if isinstance(name, str) and name.strip())
        shown = "".join(character for character in name.strip() if character.isprintable())[:100]
        email = claims.get("email") if claims.get("email_verified") is True else None
        return SignedIn(self._issuer, subject, shown or "somebody", address(email) if isinstance(email, str) else None)

    def _ends(self) -> dict[str, str]:
        """The provider's addresses, asked for once a day (OpenID Connect Discovery 1.0)."""
        now = self._clock.now()
        if self._known is None or now >= self._known[0]:
            document = self._http.get(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
            self._known = now + _DAY, self._checked(document)
        return self._known[1]

    def _checked(self, document: Mapping[str, Any]) -> dict[str, str]:
        if document.get("issuer") != self._issuer:
            raise Permanent("The provider calls itself otherwise than the settings do.", remedy=_REMEDY)
        found = {}
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            address = document.get(name)
            if not isinstance(address, str) or urlsplit(address).scheme != urlsplit(self._issuer).scheme:
                raise Permanent(f"The provider's {name} cannot be used.", remedy=_REMEDY)
            found[name] = address
        return found
