"""Whether a CI job's token was made by one of our forges for this service: the attack table of everything before its claims."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from fakes.clock import FakeClock
from fakes.issuer import Issuer, issuing, public_pem
from tagstone.adapters.ci_tokens import JobTokens
from tagstone.adapters.json_http import JsonHttp
from tagstone.errors import Temporary, Unproven

NOW = 1_772_400_000.0
SERVICE = "https://tagstone.example.org"
Claims = dict[str, Any]


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as made:
        yield made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def tokens(issuer: Issuer, clock: FakeClock) -> JobTokens:
    return JobTokens({"gitlab": (issuer.url, JsonHttp(requests.Session(), silence=2.0))}, SERVICE, clock)


@pytest.fixture
def claims(issuer: Issuer) -> Claims:
    times = {"iat": NOW - 5, "nbf": NOW - 10, "exp": NOW + 300}
    return {"iss": issuer.url, "aud": SERVICE, "jti": "one", "project_id": "17", **times}


def part(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def unsigned(_: Issuer, claims: Claims) -> str:
    return f"{part({'alg': 'none', 'typ': 'JWT', 'kid': 'one'})}.{part(claims)}."


def keyed_with_the_public_key(_: Issuer, claims: Claims) -> str:
    said = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'one'})}.{part(claims)}"
    signature = hmac.new(public_pem("one"), said.encode(), hashlib.sha256).digest()
    return f"{said}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def forged(issuer: Issuer, claims: Claims) -> str:
    return issuer.mint(claims, "stranger", kid="one")


def of_an_unknown_key(issuer: Issuer, claims: Claims) -> str:
    return issuer.mint(claims, "stranger")


def changed_afterwards(issuer: Issuer, claims: Claims) -> str:
    head, _, signature = issuer.mint(claims).split(".")
    return f"{head}.{part(claims | {'project_id': '18'})}.{signature}"


def with_other_algorithm(issuer: Issuer, claims: Claims) -> str:
    return issuer.mint(claims, alg="PS256")


def saying(**changes: Any) -> Callable[[Issuer, Claims], str]:
    def minted(issuer: Issuer, claims: Claims) -> str:
        return issuer.mint({name: value for name, value in (claims | changes).items() if value is not None})

    return minted


ATTACKS = {
    "unsigned": (unsigned, "only RS256"),
    "HS256 with the public key": (keyed_with_the_public_key, "only RS256"),
    "another algorithm": (with_other_algorithm, "only RS256"),
    "forged under a known key's name": (forged, "signature is wrong"),
    "unknown kid": (of_an_unknown_key, "does not publish"),
    "changed after it was signed": (changed_afterwards, "signature is wrong"),
    "wrong issuer": (saying(iss="https://gitlab.evil.example"), "does not know"),
    "issuer that is no text": (saying(iss=None), "names no issuer"),
    "wrong audience": (saying(aud="https://other.example.org"), "another service"),
    "no audience": (saying(aud=None), "another service"),
    "audience within a longer one": (saying(aud=SERVICE + ".evil.example"), "another service"),
    "expired": (saying(exp=NOW - 31), "expired"),
    "never expires": (saying(exp=None), "when it is valid"),
    "expiry that is no time": (saying(exp=True), "when it is valid"),
    "not valid yet": (saying(nbf=NOW + 31), "not valid yet"),
    "made in the future": (saying(iat=NOW + 31), "not valid yet"),
}


@pytest.mark.attack("tokens of jobs")
@pytest.mark.parametrize(("attack", "told"), ATTACKS.values(), ids=ATTACKS)
def test_a_token_that_proves_nothing_is_refused_with_its_own_message(
    tokens: JobTokens,
    issuer: Issuer,
    claims: Claims,
    attack: Callable[[Issuer, Claims], str],
    told: str,
    record_property: Callable[[str, object], None],
):
    with pytest.raises(Unproven, match=told) as refused:
        tokens.verify(attack(issuer, claims))
    record_property("said", refused.value.message)


def test_a_good_token_says_which_forge_and_what_it_claims(tokens: JobTokens, issuer: Issuer, claims: Claims):
    assert tokens.verify(issuer.mint(claims)) == ("gitlab", claims)


def test_a_slash_at_the_end_of_our_address_means_the_same(tokens: JobTokens, issuer: Issuer, claims: Claims):
    assert tokens.verify(issuer.mint(claims | {"aud": f"{SERVICE}/"}))[0] == "gitlab"


def test_one_of_several_audiences_is_enough(tokens: JobTokens, issuer: Issuer, claims: Claims):
    assert tokens.verify(issuer.mint(claims | {"aud": ["https://other.example.org", SERVICE]}))[0] == "gitlab"


def test_clocks_may_be_apart_by_half_a_minute(tokens: JobTokens, issuer: Issuer, claims: Claims):
    assert tokens.verify(issuer.mint(claims | {"exp": NOW - 29, "nbf": NOW + 29, "iat": NOW + 29}))


def test_keys_are_asked_for_once_a_day(tokens: JobTokens, issuer: Issuer, claims: Claims, clock: FakeClock):
    for hours in (0, 12, 11):
        clock.advance(hours * 3600)
        tokens.verify(issuer.mint(claims | {"exp": clock.now() + 60}))
    assert issuer.calls("/oauth/discovery/keys") == 1
    clock.advance(3600)
    tokens.verify(issuer.mint(claims | {"exp": clock.now() + 60}))
    assert issuer.calls("/oauth/discovery/keys") == 2


def test_a_new_key_is_asked_for_at_once_and_unknown_ones_once_a_minute(
    tokens: JobTokens, issuer: Issuer, claims: Claims, clock: FakeClock
):
    tokens.verify(issuer.mint(claims))
    clock.advance(61)
    issuer.published.append("new")
    assert tokens.verify(issuer.mint(claims, "new"))
    for _ in range(20):
        with pytest.raises(Unproven):
            tokens.verify(issuer.mint(claims, "stranger"))
    assert issuer.calls("/oauth/discovery/keys") == 2
    clock.advance(61)
    with pytest.raises(Unproven):
        tokens.verify(issuer.mint(claims, "stranger"))
    assert issuer.calls("/oauth/discovery/keys") == 3


@pytest.mark.attack("tokens of jobs")
def test_a_key_that_was_withdrawn_is_not_taken_after_a_day(tokens: JobTokens, issuer: Issuer, claims: Claims, clock: FakeClock):
    tokens.verify(issuer.mint(claims, "two"))
    issuer.published.remove("two")
    clock.advance(86_400)
    with pytest.raises(Unproven, match="does not publish"):
        tokens.verify(issuer.mint(claims | {"exp": clock.now() + 60}, "two"))


@pytest.mark.attack("tokens of jobs")
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"keys": 7}', b'{"keys": [{"kty": "RSA"}]}', b"[" * 100_000, b"x" * 2_000_000]
)
def test_keys_that_cannot_be_read_are_trouble_that_may_pass(tokens: JobTokens, issuer: Issuer, claims: Claims, body: bytes):
    issuer.body = body
    with pytest.raises(Temporary):
        tokens.verify(issuer.mint(claims))


@pytest.mark.attack("tokens of jobs")
def test_an_issuer_that_is_away_is_asked_once_a_minute_and_its_keys_stay_good(
    tokens: JobTokens, issuer: Issuer, claims: Claims, clock: FakeClock
):
    tokens.verify(issuer.mint(claims))
    issuer.status = 503
    clock.advance(61)
    with pytest.raises(Unproven):
        tokens.verify(issuer.mint(claims, "stranger"))
    assert tokens.verify(issuer.mint(claims))
    clock.advance(86_400)
    for _ in range(3):
        with pytest.raises(Temporary):
            tokens.verify(issuer.mint(claims))
    assert issuer.calls("/oauth/discovery/keys") == 3


@pytest.mark.attack("tokens of jobs")
@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,60}", fullmatch=True))
def test_whatever_text_is_no_token_and_breaks_nothing(text: str):
    with pytest.raises(Unproven):
        JobTokens({}, SERVICE, FakeClock(NOW)).verify(text)


@pytest.mark.attack("tokens of jobs")
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_whatever_a_token_is_made_of_it_is_refused(document: object):
    for token in (f"{part(document)}.{part({'iss': SERVICE})}.x", f"{part({'alg': 'RS256'})}.{part(document)}.x"):
        with pytest.raises(Unproven):
            JobTokens({}, SERVICE, FakeClock(NOW)).verify(token)


@pytest.mark.attack("tokens of jobs")
def test_a_token_without_end_is_not_looked_into():
    with pytest.raises(Unproven, match="no token"):
        JobTokens({}, SERVICE, FakeClock(NOW)).verify("a" * 20_000)
