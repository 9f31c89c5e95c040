"""What hooks deliver, as GitLab documents it, and what anybody may send instead."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.forges.delivery import Delivered, Happening, happened, read, redacted
from tagstone.errors import Invalid

SHA = "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7"
TAG = {
    "object_kind": "tag_push",
    "event_name": "tag_push",
    "before": "0" * 40,
    "after": "a" * 40,
    "ref": "refs/tags/v1.0.0",
    "ref_protected": True,
    "checkout_sha": SHA,
    "user_name": "Ada",
    "user_email": "ada@example.org",
    "project_id": 17,
    "project": {"id": 17, "path_with_namespace": "stars/wobble"},
}
RELEASE = {
    "object_kind": "release",
    "action": "create",
    "tag": "v1.0.0",
    "project": {"id": 17},
    "commit": {"id": SHA},
}
PIPELINE = {
    "object_kind": "pipeline",
    "object_attributes": {"id": 31, "ref": "v1.0.0", "tag": True, "sha": SHA, "status": "failed"},
    "project": {"id": 17},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


def test_a_pushed_tag_names_project_tag_and_commit():
    assert happened(TAG) == Delivered(Happening.TAG, 17, "v1.0.0", SHA, protected=True)


def test_a_system_hook_says_the_same_in_its_own_way():
    of_system = {key: value for key, value in TAG.items() if key not in ("object_kind", "project")}
    assert happened(of_system) == happened(TAG)


@pytest.mark.parametrize(
    ("said", "person"),
    [("ada", "ada"), ("a.b-c_1", "a.b-c_1"), ("ada lovelace", ""), ("@all", ""), ("a\nb", ""), (17, ""), (None, "")],
)
def test_who_pushed_is_a_plain_name_or_nobody(said: object, person: str):
    found = happened(TAG | {"user_username": said})
    assert found is not None
    assert found.person == person


def test_a_deleted_tag_is_told_apart():
    assert happened(TAG | {"after": "0" * 40, "checkout_sha": None}) == Delivered(Happening.TAG_DELETED, 17, "v1.0.0")


def test_a_release_that_was_made_names_its_tag():
    assert happened(RELEASE) == Delivered(Happening.RELEASE, 17, "v1.0.0", SHA)


@pytest.mark.parametrize("action", ["update", "delete", None])
def test_what_becomes_of_a_release_later_means_nothing(action: str | None):
    assert happened(RELEASE | {"action": action}) is None


def test_a_tags_pipeline_tells_how_it_stands():
    assert happened(PIPELINE) == Delivered(Happening.PIPELINE, 17, "v1.0.0", SHA, pipeline=31, status="failed")


def test_a_branchs_pipeline_means_nothing():
    about = PIPELINE["object_attributes"]
    assert isinstance(about, dict)
    assert happened(PIPELINE | {"object_attributes": about | {"tag": False}}) is None


def test_a_pipeline_within_the_tags_pipeline_means_nothing():
    about = PIPELINE["object_attributes"]
    assert isinstance(about, dict)
    assert happened(PIPELINE | {"object_attributes": about | {"source": "parent_pipeline"}}) is None


@pytest.mark.parametrize("status", ["\ud800", "fail\r\ned", "<b>", "", 7, None])
def test_a_pipeline_whose_status_is_none_is_refused(status: object):
    about = PIPELINE["object_attributes"]
    assert isinstance(about, dict)
    with pytest.raises(Invalid):
        happened(PIPELINE | {"object_attributes": about | {"status": status}})


@pytest.mark.parametrize("kind", ["push", "issue", "deployment", "", None, 7, ["tag_push"]])
def test_other_events_mean_nothing(kind: object):
    assert happened({"object_kind": kind, "project": {"id": 1}}) is None


@pytest.mark.attack("bodies")
@pytest.mark.parametrize(
    "change",
    [
        {"ref": "refs/heads/main"},
        {"ref": None},
        {"ref": "refs/tags/"},
        {"ref": "refs/tags/v1\r\nX-Evil: yes"},
        {"ref": "refs/tags/v1\u202e0.0"},
        {"ref": "refs/tags/" + "v" * 1001},
        {"project_id": "17"},
        {"project_id": True},
        {"project_id": -1},
        {"project_id": 2**60},
    ],
)
def test_what_cannot_be_is_refused_with_a_remedy(change: dict[str, Any]):
    with pytest.raises(Invalid) as refused:
        happened(TAG | change)
    assert refused.value.remedy
    assert "\r" not in refused.value.message


def test_a_commit_that_is_none_is_left_to_the_forge():
    found = happened(TAG | {"checkout_sha": "../../etc"})
    assert found is not None
    assert found.sha is None


@pytest.mark.attack("bodies")
@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[]", "object"),
        (b'{"a": NaN}', "no JSON"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "nested"),
        (b'{"a":[' + b"1," * 250_000 + b"1]}", "fields"),
        (b'{"a": "' + b"\\", "no JSON"),
    ],
)
def test_a_body_that_is_none_is_refused(body: bytes, why: str):
    with pytest.raises(Invalid, match=why):
        read(body)


def test_brackets_in_texts_are_no_nesting():
    assert read(b'{"a": "' + b'[{\\"' * 100 + b'"}') == {"a": '[{"' * 100}


@pytest.mark.attack("bodies")
@given(st.binary(max_size=200))
def test_whatever_bytes_come_they_are_read_or_refused(body: bytes):
    with contextlib.suppress(Invalid):
        assert isinstance(read(body), dict)


@pytest.mark.attack("bodies")
@given(st.dictionaries(st.sampled_from([*TAG, "object_attributes", "action", "tag", "commit"]), JSON))
def test_whatever_a_payload_holds_it_is_understood_or_refused(payload: dict[str, Any]):
    for kind in ("tag_push", "release", "pipeline"):
        try:
            found = happened(payload | {"object_kind": kind})
        except Invalid:
            continue
        assert found is None or (found.project > 0 and found.tag)


def test_what_is_private_is_not_kept():
    private = {
        "project": {"runners_token": "glrt-secret", "id": 17},
        "commits": [{"author_email": "x@y"}],
        "object_attributes": {"variables": [{"key": "ENDPOINT", "value": "hunter2"}]},
    }
    kept = json.dumps(redacted(TAG | private))
    assert "hunter2" not in kept
    assert "ada@example.org" not in kept
    assert "glrt-secret" not in kept
    assert "x@y" not in kept
    assert "stars" not in kept
    assert '"id": 17' in kept


@given(JSON)
def test_redacting_keeps_the_shape(payload: Any):
    assert type(redacted(payload)) is type(payload)
