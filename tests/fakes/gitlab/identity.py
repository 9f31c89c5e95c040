"""Who GitLab says that a job is: id_tokens, the keys that sign them, and every way in which such a token may be wrong."""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from fakes.gitlab.calls import Call, Reply
from fakes.gitlab.state import Json, Person, Project, World

_SECONDS = 300


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Keys:
    """Two keys, as GitLab's JWKS has [src: JwksController]; the last one signs. They are made when they are first needed."""

    asked: int = 0

    @cached_property
    def held(self) -> list[rsa.RSAPrivateKey]:
        """Those that are known now."""
        return [_new_key(), _new_key()]

    def rotate(self) -> None:
        """A new key signs from now on, and the oldest is known no more."""
        self.held[:] = [*self.held[1:], _new_key()]

    def published(self) -> Json:
        """What `/oauth/discovery/keys` answers [doc: id_token_authentication.md; its fields: src JwksController]."""
        return {"keys": [_jwk(key) for key in self.held]}


def get_keys(call: Call, keys: Keys) -> Reply:
    """GET /oauth/discovery/keys, which anybody may cache for a day [doc]."""
    keys.asked += 1
    return Reply(document=keys.published(), headers={"Cache-Control": "max-age=86400, public, must-revalidate, no-transform"})


def get_configuration(call: Call, _: Keys) -> Reply:
    """GET /.well-known/openid-configuration [doc: OpenID Connect Discovery; what of it is used]."""
    url = call.world.url
    return Reply(
        document={
            "issuer": url,
            "jwks_uri": f"{url}/oauth/discovery/keys",
            "authorization_endpoint": f"{url}/oauth/authorize",
            "token_endpoint": f"{url}/oauth/token",
            "userinfo_endpoint": f"{url}/oauth/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
    )


def claims(world: World, project: Project, tag: str, audience: str, person: Person) -> Json:
    """The claims of a job in a tag's pipeline [doc: id_token_authentication.md]; numbers are texts, and so are booleans."""
    now = int(world.now())
    namespace = project.path.rpartition("/")[0]
    try:
        sha = project.repository.commit_of(f"refs/tags/{tag}")
    except Exception:  # noqa: BLE001 - a token may be asked for of a tag that is gone
        sha = "0" * 40
    own = {
        "project_id": str(project.id),
        "project_path": project.path,
        "namespace_id": str(project.id + 1000),
        "namespace_path": namespace,
    }
    return {
        "iss": world.url,
        "sub": f"project_path:{project.path}:ref_type:tag:ref:{tag}",
        "aud": audience,
        "iat": now,
        "nbf": now - 5,
        "exp": now + _SECONDS,
        "jti": str(uuid.uuid4()),
        **own,
        **{f"job_{name}": value for name, value in own.items()},
        "user_id": str(person.id),
        "user_login": person.username,
        "user_email": person.email,
        "user_access_level": "maintainer",
        "user_identities": [],
        "groups_direct": [namespace],
        "pipeline_id": str(world.number()),
        "pipeline_source": "push",
        "job_id": str(world.number()),
        "job_source": "push",
        "ref": tag,
        "ref_type": "tag",
        "ref_path": f"refs/tags/{tag}",
        "ref_protected": "true" if project.is_protected(tag) else "false",
        "runner_id": 1,
        "runner_environment": "self-hosted",
        "sha": sha,
        "project_visibility": project.visibility,
        "ci_config_ref_uri": f"{world.url.partition('://')[2]}/{project.path}//.gitlab-ci.yml@refs/tags/{tag}",
        "ci_config_sha": sha,
    }


def sign(
    keys: Keys, told: Mapping[str, Any], *, algorithm: str = "RS256", kid: str | None = None, stranger: bool = False
) -> str:
    """A token in compact form. `none` signs nothing, `HS256` signs with the public key, a `stranger` with a key of its own."""
    key = _new_key() if stranger else keys.held[-1]
    header = {"kid": kid or _jwk(key)["kid"], "typ": "JWT", "alg": algorithm}
    signed = f"{_base64(json.dumps(header).encode())}.{_base64(json.dumps(dict(told)).encode())}"
    if algorithm == "none":
        return f"{signed}."
    if algorithm == "HS256":
        return f"{signed}.{_base64(hmac.digest(public_pem(keys), signed.encode(), hashlib.sha256))}"
    return f"{signed}.{_base64(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def public_pem(keys: Keys) -> bytes:
    """The public half of the key that signs."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return keys.held[-1].public_key().public_bytes(serialization.Encoding.PEM, form)


def _jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    parts = {"e": _number(numbers.e), "kty": "RSA", "n": _number(numbers.n)}
    kid = _base64(hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).digest())
    return {**parts, "kid": kid, "use": "sig", "alg": "RS256"}


def _number(value: int) -> str:
    return _base64(value.to_bytes(-(-value.bit_length() // 8), "big"))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
