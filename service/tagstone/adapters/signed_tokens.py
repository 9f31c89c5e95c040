"""JSON Web Tokens of issuers that are known: RS256 alone, by keys that the issuer publishes (RFC 7515, 7517, 7519; RFC 8725).

Keys are asked for once a day. A token that names another key makes them be asked for anew, at most once a minute: issuers
change their keys, and anybody may name a key that is none.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jwt
from jwt.types import Options

from tagstone.errors import Permanent, Temporary, Unproven
from tagstone.ports import Clock

LONGEST = 16_384
"""Characters that a token may have; GitLab's have about two thousand."""

_ALGORITHM = "RS256"
_DAY, _MINUTE = 86_400.0, 60.0
_LEEWAY = 30.0
_KEYS = 100
# What the claims say is judged here, by our clock.
_ONLY_SIGNATURE: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
_SMALLEST = 2048  # bits of a key (RFC 7518, section 3.3)
_REMEDY = "Use a token that its issuer made for this service, while it is valid."


class Keys:
    """The public keys of one issuer; `fetch` asks for its JSON Web Key Set."""

    def __init__(self, fetch: Callable[[], Mapping[str, Any]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._good_until = self._not_before = float("-inf")

    def key(self, name: str) -> jwt.PyJWK | None:
        """The key of this name (`kid`). Raises: Temporary when no keys can be had."""
        with self._lock:
            now = self._clock.now()
            if now >= self._good_until or (name not in self._keys and now >= self._not_before):
                self._renew(now)
            return self._keys.get(name)

    def _renew(self, now: float) -> None:
        if now < self._not_before:
            raise Temporary("The issuer's keys cannot be had at this moment.", delay=_MINUTE)
        self._not_before = now + _MINUTE
        try:
            self._keys = _read(self._fetch())
        except (Temporary, Permanent) as error:
            if now < self._good_until:
                return  # Only an unknown name was asked for: the keys that we have are still good.
            raise Temporary(f"The issuer's keys cannot be had: {error.message}", delay=_MINUTE) from None
        self._good_until = now + _DAY


def verified(token: str, keys: Keys, issuer: str, audiences: Sequence[str], now: float) -> dict[str, Any]:
    """What a token says, when `issuer` signed it for one of `audiences` and it is valid at `now` (seconds since the epoch).

    Raises:
        Unproven: it is none, or not by a known key, or for another audience, or of another time; each is told apart.
        Temporary: the issuer's keys cannot be had.
    """
    header = _header(token)
    if header.get("alg") != _ALGORITHM:
        raise Unproven(f"The token is signed by {str(header.get('alg'))[:20]!r}; only {_ALGORITHM} is taken.", remedy=_REMEDY)
    name = header.get("kid")
    key = keys.key(name) if isinstance(name, str) and "crit" not in header else None
    if key is None:
        raise Unproven("The token is signed by a key that its issuer does not publish.", remedy=_REMEDY)
    claims = _claims(token, key)
    if claims.get("iss") != issuer:
        raise Unproven("The token is of another issuer.", remedy=_REMEDY)
    _check_audience(claims.get("aud"), audiences)
    _check_times(claims, now)
    return claims


def named_issuer(token: str) -> str:
    """Who a token says that it is of, which nothing proves yet. Raises: Unproven."""
    _header(token)
    try:
        claims: Any = jwt.decode(token, options={"verify_signature": False, "verify_exp": False, "verify_nbf": False})
    except Exception:  # noqa: BLE001 - whatever a stranger's text breaks in the library, it is no token
        raise _none() from None
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    if not isinstance(issuer, str):
        raise Unproven("The token names no issuer.", remedy=_REMEDY)
    return issuer


def _header(token: str) -> dict[str, Any]:
    if len(token) > LONGEST or not token.isascii():
        raise _none()
    try:
        header: Any = jwt.get_unverified_header(token)
    except Exception:  # noqa: BLE001 - as above
        raise _none() from None
    if not isinstance(header, dict):
        raise _none()
    return header


def _claims(token: str, key: jwt.PyJWK) -> dict[str, Any]:
    try:
        claims: Any = jwt.decode(token, key.key, algorithms=[_ALGORITHM], options=_ONLY_SIGNATURE)
    except Exception:  # noqa: BLE001 - as above
        raise Unproven("The token's signature is wrong.", remedy=_REMEDY) from None
    if not isinstance(claims, dict):
        raise _none()
    return claims


def _check_audience(said: object, audiences: Sequence[str]) -> None:
    named = said if isinstance(said, list) else [said]
    if not any(audience in named for audience in audiences):
        raise Unproven("The token was made for another service.", remedy=f"Its audience (`aud`) has to be {audiences[0]}.")


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    ends, *begins = (_time(claims.get(name, otherwise)) for name, otherwise in (("exp", None), ("nbf", 0), ("iat", 0)))
    if now >= ends + _LEEWAY:
        raise Unproven("The token has expired.", remedy="Run the job again, or sign in again.")
    if max(begins) > now + _LEEWAY:
        raise Unproven("The token is not valid yet.", remedy="Look at the clocks of this server and of the issuer.")


def _time(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53:
        return value
    raise Unproven("The token does not say when it is valid.", remedy=_REMEDY)


def _read(document: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    """The keys that signatures may be checked with; others in the set are left out."""
    found: dict[str, jwt.PyJWK] = {}
    listed = document.get("keys")
    for one in (listed if isinstance(listed, list) else [])[:_KEYS]:
        if not isinstance(one, dict) or one.get("kty") != "RSA" or one.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(one, algorithm=_ALGORITHM)
        except Exception:  # noqa: BLE001, S112 - a key that cannot be read is none
            continue
        if key.key_id and key.key.key_size >= _SMALLEST:
            found[key.key_id] = key
    if not found:
        raise Permanent("The issuer publishes no key.", remedy="Look at the address in the settings.")
    return found


def _none() -> Unproven:
    return Unproven("This is no token.", remedy=_REMEDY)
