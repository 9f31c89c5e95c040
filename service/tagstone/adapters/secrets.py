"""What looks like a secret in a file, by the patterns of detect-secrets and two of our own; docs/adr/0016 says which and why.

The library's settings are global and its scanner reads files by itself; here only its plugins' patterns are used, which
are constants. They are loaded when a text has one of the marks without which none of them matches: most have none.
"""

import hashlib
import importlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from tagstone.domain.code.finding import Finding

RULES = 1
"""Which rules these are: what was found by others is searched again."""

MAX_BYTES = 32 * 2**20
"""No more of a file is searched."""

_BINARY = 8192  # a file with a zero byte in its beginning is no text
_USER_IN_ADDRESS = re.compile(rb"://[^\s:/@]+:[^\s:/@]+@")
_MOST = 20  # findings of one kind in one file
_WINDOW = 4096  # where a pattern could take long, it is handed no more at once
_TRIES = 1000

_GITHUB = re.compile(r"github_pat_[A-Za-z0-9_]{82}")
_ASSIGNED = re.compile(
    r"(?:token|secret|passw(?:or)?d|passphrase|api[_-]?key|access[_-]?key|auth[_-]?key|private[_-]?key)"
    r"(?:s|[_-][\w-]{0,20})?[\"'\\\]]{0,3}\s{0,3}(?::=|=>|==?|:)\s{0,3}[bruBRU]?[\"'\\]{0,2}"
    r"([A-Za-z0-9_+/=.~-]{20,300}+)(?![A-Za-z0-9_+/=.~(\[-])",
    re.IGNORECASE,
)
_RUN = re.compile(r"[A-Za-z0-9]{16}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LETTER = re.compile(r"[A-Za-z0-9+/_=]")
_KEY = re.compile(r"[A-Za-z0-9+/]{40}")
_PLACEHOLDER = re.compile(
    r"(?:my|your|the|some|a)?[-_]?(?:pass(?:word|wd|phrase)?|pw|pwd|secret|token|key|credentials?|api[-_]?key|user(?:name)?"
    r"|foo|bar|tiger|example|changeme|test|guest|root|admin|postgres|git)|(.)\1*|.{1,3}|[0-9]{1,5}|[{<\[%].*|.*(?:redacted|hidden).*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Rule:
    """`marks` (lower-case): one of them is in every text with a match. `plugin`: module and class of detect-secrets, or empty.

    `shape` is in every text with a match too, for marks that most texts have: the library takes a tenth of a second to load.
    `slow` patterns could take long on texts made for it: they only see windows that begin `before` their mark.
    """

    kind: str
    marks: tuple[bytes, ...]
    plugin: str = ""
    own: tuple[re.Pattern[str], ...] = ()
    shape: re.Pattern[bytes] | None = None
    slow: bool = False
    before: int = 0
    counts: Callable[[re.Match[str]], bool] = lambda _match: True


def find_secrets(path: str, data: bytes) -> list[Finding]:
    """What looks like a secret in a file's beginning; `path` is where it would lie in the bundle. Binary files have none."""
    data = data[:MAX_BYTES]
    if b"\0" in data[:_BINARY]:
        return []
    lower = data.lower()
    wanted = [rule for rule in _RULES if _may_match(rule, lower)]
    if not wanted:
        return []
    text = data.decode("latin-1")  # every byte is one character, so that places are places
    taken: list[tuple[int, int]] = []
    return [found for rule in wanted for found in _found(rule, path, text, lower, taken)]


def _may_match(rule: _Rule, lower: bytes) -> bool:
    return any(mark in lower for mark in rule.marks) and (rule.shape is None or rule.shape.search(lower) is not None)


def _found(rule: _Rule, path: str, text: str, lower: bytes, taken: list[tuple[int, int]]) -> Iterator[Finding]:
    """Findings of one rule; `taken` are the places that rules before it have found, which are found once."""
    seen: dict[str, int] = {}
    before = tuple(taken)
    for place, value in _matches(rule, text, lower):
        end = place + len(value)
        if value not in seen and not any(place < other_end and start < end for start, other_end in before):
            seen[value] = place
            taken.append((place, end))
        if len(seen) == _MOST:
            break
    for value, place in seen.items():
        secret = f"{path}\0{rule.kind}\0{value}".encode("latin-1", "backslashreplace")
        yield Finding(path, text.count("\n", 0, place) + 1, rule.kind, hashlib.sha256(secret).hexdigest()[:12])


def _matches(rule: _Rule, text: str, lower: bytes) -> Iterator[tuple[int, str]]:
    """Places and what stands there, a whole key where only its first line is matched."""
    for pattern in (*rule.own, *_patterns(rule.plugin)):
        for offset, match in _windows(rule, pattern, text, lower) if rule.slow else _whole(pattern, text):
            if rule.counts(match):
                start = offset + match.start()
                yield start, text[start : start + _WINDOW].partition("-----END")[0] if rule.kind == "private-key" else match[0]


def _whole(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, re.Match[str]]]:
    return ((0, match) for match in pattern.finditer(text))


def _windows(rule: _Rule, pattern: re.Pattern[str], text: str, lower: bytes) -> Iterator[tuple[int, re.Match[str]]]:
    (mark,) = rule.marks
    find = pattern.search if rule.before else pattern.match
    place, reached = lower.find(mark), 0
    for _ in range(_TRIES):
        if place < 0:
            return
        start = max(place - rule.before, reached)
        if match := find(text[start : place + (rule.before or _WINDOW)]):
            reached = start + match.end()
            yield start, match
        place = lower.find(mark, max(place + 1, reached))


def _secretive(match: re.Match[str]) -> bool:
    """Whether a value is no word, path or placeholder: a long run of letters and digits as only chance makes them."""
    value = match[1]
    run = _RUN.search(value)
    return run is not None and sum(map(str.isdigit, value)) >= 3 and any(map(str.isalpha, value)) and _entropy(value) >= 3.2


def _entropy(text: str) -> float:
    """Shannon's entropy, in bits per character."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def _alone(match: re.Match[str]) -> bool:
    """Whether a key's letters are no part of something longer, such as a picture in base64."""
    around = match.string[max(0, match.start() - 1) : match.start()] + match.string[match.end() : match.end() + 1]
    return match.lastindex is not None or not _LETTER.search(around)


def _has_key(match: re.Match[str]) -> bool:
    """Whether a key follows its first line: programs that read keys name that line too."""
    return _KEY.search(match.string, match.end(), match.end() + 300) is not None


def _meant(match: re.Match[str]) -> bool:
    return not _PLACEHOLDER.fullmatch(match[1])


def _is_token(match: re.Match[str]) -> bool:
    from detect_secrets.plugins.jwt import JwtTokenDetector

    return JwtTokenDetector.is_formally_valid(match[0])


@lru_cache(maxsize=64)
def _patterns(plugin: str) -> tuple[re.Pattern[str], ...]:
    if not plugin:
        return ()
    module, _, name = plugin.partition(".")
    return tuple(getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name).denylist)


_RULES = (
    _Rule("aws-key", (b"akia", b"asia", b"abia", b"acca", b"a3t", b"aws"), "aws.AWSKeyDetector", counts=_alone),
    _Rule("azure-key", (b"accountkey=",), "azure_storage_key.AzureStorageKeyDetector"),
    _Rule(
        "github-token",
        (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_"),
        "github_token.GitHubTokenDetector",
        (_GITHUB,),
    ),
    _Rule(
        "gitlab-token",
        (
            b"glpat-",
            b"gldt-",
            b"glft-",
            b"glsoat-",
            b"glrt-",
            b"gr1348941",
            b"glcbt-",
            b"glimt-",
            b"glptt-",
            b"glagent-",
            b"gloas-",
        ),
        "gitlab_token.GitLabTokenDetector",
    ),
    _Rule("json-web-token", (b"eyj",), "jwt.JwtTokenDetector", slow=True, counts=_is_token),
    _Rule("mailchimp-key", (b"-us",), "mailchimp.MailchimpDetector"),
    _Rule("npm-token", (b":_authtoken=",), "npm.NpmDetector", slow=True, before=300),
    _Rule("openai-token", (b"t3blbkfj",), "openai.OpenAIDetector", slow=True, before=120),
    _Rule("private-key", (b"private key", b"putty-user-key-file-2"), "private_key.PrivateKeyDetector", counts=_has_key),
    _Rule("pypi-token", (b"pypi-age",), "pypi_token.PypiTokenDetector", slow=True),
    _Rule("sendgrid-key", (b"sg.",), "sendgrid.SendGridDetector"),
    _Rule("slack-token", (b"xox", b"hooks.slack.com"), "slack.SlackDetector"),
    _Rule("square-secret", (b"sq0csp-",), "square_oauth.SquareOAuthDetector"),
    _Rule("stripe-key", (b"k_live_",), "stripe.StripeDetector"),
    _Rule("password-in-address", (b"://",), "basic_auth.BasicAuthDetector", shape=_USER_IN_ADDRESS, counts=_meant),
    _Rule(
        "assigned-secret",
        (b"token", b"secret", b"passw", b"passphrase", b"apikey", b"api_key", b"api-key", b"access", b"auth", b"private"),
        own=(_ASSIGNED,),
        counts=_secretive,
    ),
)
