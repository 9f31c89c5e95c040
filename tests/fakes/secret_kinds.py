"""Texts with secrets that never were any; put together here, so that no file of ours looks as if it had one."""

import base64
import json

_LETTERS = "q8ZtW3nRk5YbV1mXc7LdP2sJf9HgT4wUe6KaN0oQiBvCzMxAyDrEuSlGjFpI"


def _random(length: int, offset: int = 0) -> str:
    return (_LETTERS * 6)[offset : offset + length]


def _token(payload: dict[str, object]) -> str:
    parts = [{"alg": "HS256", "typ": "JWT"}, payload]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, _random(43)])


def _key(kind: str) -> str:
    body = "\n".join(_random(64, line) for line in range(5))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"


SECRETS: dict[str, tuple[str, str]] = {
    "aws-key": ("aws-key", "AKIA" + "Q3EGRIJ7ZLKJW2XA"),
    "aws-secret": ("aws-key", 'aws_secret_key = "' + _random(40) + '"'),
    "azure": ("azure-key", "AccountKey=" + _random(86) + "=="),
    "github": ("github-token", "gh" + "p_" + _random(36)),
    "github-fine": ("github-token", "github_" + "pat_" + _random(82)),
    "gitlab": ("gitlab-token", "gl" + "pat-" + _random(20)),
    "gitlab-runner": ("gitlab-token", "gl" + "rt-" + _random(20)),
    "jwt": ("json-web-token", _token({"sub": "1234567890", "name": "Ada"})),
    "npm": ("npm-token", "//registry.example.org/:_authToken=" + "npm_" + _random(36)),
    "openai": ("openai-token", "sk-" + _random(20) + "T3BlbkFJ" + _random(20, 7)),
    "pypi": ("pypi-token", "pypi-AgEIcHlwaS5vcmc" + _random(80)),
    "rsa": ("private-key", _key("RSA ")),
    "openssh": ("private-key", _key("OPENSSH ")),
    "pkcs8-in-json": ("private-key", json.dumps({"private_key": _key("")})),
    "sendgrid": ("sendgrid-key", "SG." + _random(22) + "." + _random(43)),
    "slack": ("slack-token", "xox" + "b-123456789012-123456789012-" + "a1b2c3d4e5f6"),
    "square": ("square-secret", "sq0" + "csp-" + _random(43)),
    "stripe": ("stripe-key", "sk_" + "live_" + _random(24)),
    "database": ("password-in-address", "postgresql://ada:" + _random(12) + "@db.example.org/results"),
    "index": ("password-in-address", "extra-index-url = https://ci:" + _random(20) + "@pypi.example.org/simple"),
    "zenodo": ("assigned-secret", "ZENODO_TOKEN=" + _random(60)),
    "zenodo-python": ("assigned-secret", "zenodo_access_token = '" + _random(60) + "'"),
    "yaml": ("assigned-secret", "  api_key: " + _random(40)),
    "json": ("assigned-secret", '{"client_secret": "' + _random(32) + '"}'),
    "notebook": ("assigned-secret", json.dumps(['SECRET_KEY = "' + _random(50) + '"\n'])),
    "uuid": ("assigned-secret", "password: " + "3f2b8c1e-7a64-4d09-b5e2-91c0a7d46f38"),
}  # fmt: skip
"""Name → the kind that it is found as, and a text with it."""

HARMLESS = (
    "https://example.org/user:name",
    "postgresql://user:password@localhost/test",
    "https://{user}:{token}@example.org",
    "https://$USER:$TOKEN@example.org",
    "git clone https://oauth2:<token>@example.org/x.git",
    "ssh://git@example.org:22/x.git",
    "token = os.environ['ZENODO_TOKEN']",
    "password = getpass.getpass('password of the database: ')",
    "token = 'your-token-goes-here-please'",
    "secret = load_secret_from_the_keyring_of_2024(name)",
    "tokens = tokenizer.tokenize_all_of_1234567890abcdef(text)",
    "api_key: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "if line == '-----BEGIN RSA PRIVATE KEY-----': read()",
    "data:image/png;base64," + "iVBORw0KGgo" + "AKIA" + "Q3EGRIJ7ZLKJW2XA" * 3,
    "APCORRECTION= 1.23456789 / aperture correction",
    "eyJhbGciOi.not.a.token",
)
"""Texts that look a little like it and are none."""
