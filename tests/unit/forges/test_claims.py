"""A job's token says who it is; each thing that is wrong is refused with its own words."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.forges.claims import REHEARSAL_RULES, RULES, SOURCES, Expected, check, check_rehearsal, identity
from tagstone.errors import Forbidden, Invalid

SHA = "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7"
EXPECTED = Expected(17, "v1.0.0", SHA)
GOOD: dict[str, Any] = {
    "jti": "c81e728d",
    "exp": 1_800_000_000,
    "sub": "project_path:stars/wobble:ref_type:tag:ref:v1.0.0",
    "project_id": "17",
    "job_project_id": "17",
    "ref": "v1.0.0",
    "ref_type": "tag",
    "ref_protected": "true",
    "sha": SHA,
    "pipeline_source": "push",
    "pipeline_id": "31",
    "job_id": "404",
    "user_login": "ada",
}


def test_a_protected_tags_own_job_may_hand_in():
    check(GOOD, EXPECTED)


@pytest.mark.parametrize("source", SOURCES)
def test_it_may_be_begun_in_any_way_in_which_the_project_begins_pipelines(source: str):
    check(GOOD | {"pipeline_source": source}, EXPECTED)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a branch": ({"ref_type": "branch"}, "only tags"),
    "an unprotected tag": ({"ref_protected": "false"}, "not protected"),
    "a truth value that is no text": ({"ref_protected": True}, "not protected"),
    "a fork": ({"project_id": "18"}, "another project"),
    "a number that is no text": ({"project_id": 17}, "another project"),
    "a job of another project": ({"job_project_id": "99"}, "another project's"),
    "a merge request": ({"pipeline_source": "merge_request_event"}, "merge_request_event"),
    "no source": ({"pipeline_source": None}, "begun by"),
    "another tag": ({"ref": "v2.0.0"}, "another tag"),
    "a moved tag": ({"sha": "b" * 40}, "moved"),
}


@pytest.mark.attack("claims of jobs")
@pytest.mark.parametrize("case", WRONG)
def test_anything_else_is_refused_in_its_own_words(case: str, record_property: Callable[[str, object], None]):
    change, words = WRONG[case]
    with pytest.raises(Forbidden, match=words) as refused:
        check(GOOD | change, EXPECTED)
    assert refused.value.remedy
    record_property("said", refused.value.message)


def test_each_rule_is_needed():
    refusals = {
        rule: next((case for case, (change, _) in WRONG.items() if rule(GOOD | change, EXPECTED)), None) for rule in RULES
    }
    assert None not in refusals.values()


BRANCH = GOOD | {"ref_type": "branch", "ref": "main", "ref_protected": "false"}
NO_REHEARSAL: dict[str, tuple[dict[str, Any], str]] = {
    "a tag": ({"ref_type": "tag"}, "runs for no branch"),
    "a fork": ({"project_id": "18"}, "another project"),
    "a job of another project": ({"job_project_id": "99"}, "another project's"),
    "an outside source": ({"pipeline_source": "external_pull_request_event"}, "begun by"),
    "another branch": ({"ref": "other"}, "another branch"),
    "another commit": ({"sha": "b" * 40}, "moved on"),
}


@pytest.mark.parametrize("source", [*SOURCES, "merge_request_event"])
def test_a_branchs_own_job_may_rehearse(source: str):
    check_rehearsal(BRANCH | {"pipeline_source": source}, Expected(17, "main", SHA))


@pytest.mark.attack("claims of rehearsals")
@pytest.mark.parametrize("case", NO_REHEARSAL)
def test_any_other_rehearsal_is_refused_in_its_own_words(case: str, record_property: Callable[[str, object], None]):
    change, words = NO_REHEARSAL[case]
    with pytest.raises(Forbidden, match=words) as refused:
        check_rehearsal(BRANCH | change, Expected(17, "main", SHA))
    assert refused.value.remedy
    record_property("said", refused.value.message)


def test_each_rule_of_rehearsals_is_needed():
    expected = Expected(17, "main", SHA)
    for rule in REHEARSAL_RULES:
        assert any(rule(BRANCH | change, expected) for change, _ in NO_REHEARSAL.values())


@pytest.mark.attack("claims of jobs")
def test_a_subject_that_the_project_chose_itself_changes_nothing():
    check(GOOD | {"sub": "project_path:other/one"}, EXPECTED)
    with pytest.raises(Forbidden):
        check(GOOD | {"project_id": "18"}, EXPECTED)


def test_it_is_known_who_speaks():
    found = identity(GOOD)
    assert (found.project, found.ref, found.job, found.person, found.token) == (17, "v1.0.0", "404", "ada", "c81e728d")


@pytest.mark.attack("claims of jobs")
@pytest.mark.parametrize("name", ["jti", "project_id", "ref", "sha", "pipeline_id", "job_id", "user_login", "exp"])
def test_a_token_that_does_not_say_who_speaks_is_refused(name: str):
    with pytest.raises(Invalid, match=name):
        identity({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.attack("claims of jobs")
@given(st.dictionaries(st.sampled_from(sorted(GOOD)), st.none() | st.text(max_size=20) | st.integers() | st.just(["17"])))
def test_whatever_a_token_says_it_is_accepted_only_as_it_should_be(change: dict[str, Any]):
    claims = GOOD | change
    try:
        identity(claims)
        check(claims, EXPECTED)
    except (Invalid, Forbidden):
        return
    assert (claims["project_id"], claims["ref"], claims["sha"], claims["ref_protected"]) == ("17", "v1.0.0", SHA, "true")
