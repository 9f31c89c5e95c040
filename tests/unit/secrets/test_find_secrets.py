"""What looks like a secret is found in any text, said by name, and never repeated."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.secret_kinds import HARMLESS, SECRETS
from tagstone.adapters.secrets import find_secrets
from tagstone.domain.code.finding import Finding, judged, refuse_secrets
from tagstone.errors import Invalid


def kinds(text: str) -> set[str]:
    return {found.kind for found in find_secrets("code/x", text.encode())}


@pytest.mark.parametrize(("kind", "text"), SECRETS.values(), ids=SECRETS)
def test_secrets_of_many_kinds_are_found_with_their_line(kind: str, text: str) -> None:
    found = [one for one in find_secrets("code/config.py", f"# first\nx = 1\n{text}\n".encode()) if one.kind == kind]
    assert [one.line for one in found] == [3]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_a_little_like_it_is_none(text: str) -> None:
    assert kinds(text) == set()


@pytest.mark.parametrize(("kind", "text"), SECRETS.values(), ids=SECRETS)
def test_no_part_of_a_secret_is_in_what_is_said_of_it(kind: str, text: str) -> None:
    findings = find_secrets("code/config.py", text.encode())
    with pytest.raises(Invalid) as caught:
        refuse_secrets(findings, [])
    error = caught.value
    said = "".join([error.message, error.remedy, *map(str, error.faults), *map(repr, findings)])
    for part in re.findall(r"[A-Za-z0-9+/]{10,}", text):
        assert part not in said.replace("waived_secrets", "")


def test_a_name_stays_when_lines_come_and_go_and_tells_secrets_and_places_apart() -> None:
    (_, first), (_, second) = SECRETS["github"], SECRETS["github-fine"]
    (one,) = find_secrets("code/a", first.encode())
    (moved,) = find_secrets("code/a", f"\n\n{first}".encode())
    (other,) = find_secrets("code/a", second.encode())
    (elsewhere,) = find_secrets("code/b", first.encode())
    assert one.name == moved.name
    assert (one.line, moved.line) == (1, 3)
    assert len({one.name, other.name, elsewhere.name}) == 3
    assert re.fullmatch(r"code/a:github-token:[0-9a-f]{12}", one.name)


def test_two_private_keys_in_one_file_are_two() -> None:
    _, text = SECRETS["rsa"]
    other = text.replace("q8Z", "r9A")
    assert len(find_secrets("code/x", f"{text}\n{other}\n".encode())) == 2


def test_the_same_secret_twice_is_one_finding() -> None:
    _, text = SECRETS["gitlab"]
    assert len(find_secrets("code/x", f"{text}\n{text}\n".encode())) == 1


@pytest.mark.parametrize("text", ["token = '{}'", "https://ci:{}@example.org/x.git", "GITLAB_TOKEN={}"])
def test_what_two_rules_find_is_one_finding_of_the_plainer_kind(text: str) -> None:
    assert kinds(text.format(SECRETS["gitlab"][1])) == {"gitlab-token"}


def test_binary_files_are_not_searched() -> None:
    _, text = SECRETS["gitlab"]
    assert find_secrets("code/x", b"\x7fELF\0" + text.encode()) == []


def test_long_lines_and_windows_between_them_hide_nothing() -> None:
    _, text = SECRETS["jwt"]
    (found,) = find_secrets("code/x", b"eyJ" * 300 + b" x" * 50_000 + text.encode())
    assert found.kind == "json-web-token"


@pytest.mark.parametrize(
    "piece",
    [b"eyJ", b"eyJ.", b"pypi-AgEIcHlwaS5vcmc", b"sk-T3BlbkFJ", b"//:_authToken=", b"//", b"://a:", b"://", b"token=", b"aws", b"xoxb-1-",
     b"BEGIN RSA PRIVATE KEY", b"password: 'a", b"0123456789abcdef-us", b"secret_key_", b"glpat-aaaa"],
)  # fmt: skip
def test_no_text_made_for_it_takes_long(piece: bytes) -> None:
    begun = time.process_time()
    find_secrets("outputs/x", piece * (2**17 // len(piece)))
    assert time.process_time() - begun < 2


@given(st.binary(max_size=2000))
def test_any_bytes_are_searched(data: bytes) -> None:
    find_secrets("outputs/x", data)


def test_waived_findings_are_named_and_the_others_refused() -> None:
    first, second = Finding("code/a", 1, "aws-key", "1" * 12), Finding("code/b", 2, "aws-key", "2" * 12)
    assert refuse_secrets([first, second], [first.name, second.name]) == (first.name, second.name)
    faults, used = judged([first, second], [first.name])
    assert used == (first.name,)
    assert [(fault.file, fault.line) for fault in faults] == [("code/b", 2)]
    assert second.name in faults[0].remedy
    with pytest.raises(Invalid, match="code/b:2"):
        refuse_secrets([first, second], [first.name])


def test_a_thousand_findings_are_told_in_short() -> None:
    faults, _ = judged([Finding("code/a", line, "aws-key", f"{line:012}") for line in range(1000)], [])
    assert len(faults) == 21
    assert "980 more" in faults[-1].message
