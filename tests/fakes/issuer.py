"""An issuer of tokens with its keys over HTTP: a GitLab for its jobs, and a provider of OpenID Connect for people."""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fakes.serving import serving


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """A key of its own for each name, made once: that takes its time."""
    assert name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(name: str) -> bytes:
    """The public half of a key, as text."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return rsa_key(name).public_key().public_bytes(serialization.Encoding.PEM, form)


@dataclass
class Issuer:
    """Publishes the keys in `published`; answers with `status`, and counts what it was asked."""

    port: int = 0
    published: list[str] = field(default_factory=lambda: ["one", "two"])
    status: int = 200
    body: bytes | None = None
    asked: list[str] = field(default_factory=list)
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "5", "preferred_username": "ada", "name": "Ada"})
    changes: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Its address, which is its name as an issuer too."""
        return f"http://127.0.0.1:{self.port}"

    def mint(self, claims: dict[str, Any], key: str = "one", *, kid: str | None = None, alg: str = "RS256") -> str:
        """A token with these claims, signed by a key."""
        return jwt.encode(claims, rsa_key(key), algorithm=alg, headers={"kid": kid or key})

    def calls(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(one.partition("?")[0] == path for one in self.asked)

    def sign_in(self, address: str) -> str:
        """What a person who agrees does with the address that they were sent to; where their browser goes next."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = secrets.token_hex(8)
        self.codes[code] = query
        return query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"]})

    def answer(self, path: str, form: dict[str, str]) -> Any:
        """The document at a path."""
        if path == "/.well-known/openid-configuration":
            ends = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/oauth/discovery/keys"}
            return (
                {"issuer": self.url} | {name: self.url + end for name, end in ends.items()} | self.changes.get("discovery", {})
            )
        if path == "/oauth/discovery/keys":
            return {"keys": [_jwk(name) for name in self.published]}
        if path == "/token":
            return self._token(form)
        return None

    def _token(self, form: dict[str, str]) -> Any:
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        if asked is None or asked["code_challenge"] != challenge.decode() or asked["redirect_uri"] != form["redirect_uri"]:
            return None
        times = {"iat": self.changes.get("now", 0), "exp": self.changes.get("now", 0) + 120}
        claims = {"iss": self.url, "aud": asked["client_id"], "nonce": asked["nonce"]} | times | self.person
        return {"token_type": "Bearer", "id_token": self.mint(claims | self.changes.get("claims", {}))}


@contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer, until the context ends."""
    issuer = Issuer()
    with serving(lambda *given: _Handler(issuer, *given)) as issuer.port:
        yield issuer


def _jwk(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key(name).public_key()))
    return document | {"kid": name, "use": "sig", "alg": "RS256"}


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, issuer: Issuer, *given: Any) -> None:
        self._issuer = issuer
        super().__init__(*given)

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        self._issuer.asked.append(self.path)
        document = self._issuer.answer(self.path.partition("?")[0], {n: v[0] for n, v in parse_qs(body).items()})
        content = self._issuer.body if self._issuer.body is not None else json.dumps(document).encode()
        self.send_response(self._issuer.status if document is not None else 400)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer  # noqa: N815 - named by the standard library

    def log_message(self, *_: object) -> None:
        """Say nothing."""
