"""Which tags of a registered project are published by themselves."""

import pytest

from tagstone.domain.forges.registration import is_wanted


@pytest.mark.parametrize("tag", ["v1.0.0", "1.0", "release-2", "V3.1.4", "wobble/v1.0.0", "v1.0.0+build.7"])
def test_versions_are(tag: str):
    assert is_wanted(tag, ())


@pytest.mark.parametrize("tag", ["v1.0.0-rc1", "1.0b2", "nightly", "v", "before-refactoring", "v1.0.0-1", "paper"])
def test_anything_else_is_not(tag: str):
    assert not is_wanted(tag, ())


def test_a_projects_own_patterns_decide_alone():
    assert is_wanted("paper-2026", ["paper-*", "v*"])
    assert is_wanted("v1.0.0-rc1", ["paper-*", "v*"])
    assert not is_wanted("1.0.0", ["paper-*", "v*"])
