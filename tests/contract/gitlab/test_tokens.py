"""What GitLab says of a token that asks about itself [src: lib/api/personal_access_tokens/self_information.rb]."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.gitlab.conftest import Scene
from tagstone.adapters.gitlab.answers import moment
from tagstone.adapters.gitlab.tokens import GitlabTokens, _words
from tagstone.errors import Away, Forbidden, NotFound, Temporary

WANTS = ("read_api", "read_repository")


def tokens(scene: Scene) -> GitlabTokens:
    return GitlabTokens(scene.sites)


def test_it_tells_scopes_and_end(scene: Scene) -> None:
    scene.token = scene.gitlab.personal_token(scene.ada, ["read_api", "read_repository"], seconds=40 * 86_400.0)
    sight = tokens(scene).look("lab", None, WANTS)
    assert (sight.may, sight.lacks) == (WANTS, ())
    assert sight.expires_at is not None
    assert 38 < (sight.expires_at - scene.gitlab.world.now()) / 86_400 < 41


def test_one_without_an_end_has_none(scene: Scene) -> None:
    assert tokens(scene).look("lab", None, WANTS).expires_at is None


@pytest.mark.parametrize(
    ("scopes", "lacks"),
    [(["read_api"], ("read_repository",)), (["api"], ()), (["read_registry"], WANTS), ([*WANTS, "read_user"], ())],
)
def test_it_says_what_is_missing(scene: Scene, scopes: list[str], lacks: tuple[str, ...]) -> None:
    scene.token = scene.gitlab.personal_token(scene.ada, scopes)
    assert tokens(scene).look("lab", None, WANTS).lacks == lacks


def test_a_projects_own_token_is_asked_about_with_itself(scene: Scene) -> None:
    lent = scene.gitlab.project_token(scene.wobble, ["api"], level=30)
    scene.token = scene.gitlab.personal_token(scene.ada, ["read_user"])
    assert tokens(scene).look("lab", lent, ("api",)).may == ("api",)


def test_one_that_was_revoked_or_never_was_is_forbidden_and_not_told(scene: Scene) -> None:
    assert scene.token is not None
    scene.gitlab.revoke(scene.token)
    for token in (None, "glpat-never-was"):
        with pytest.raises(Forbidden) as caught:
            tokens(scene).look("lab", token, WANTS)
        assert (token or scene.token) not in f"{caught.value.message} {caught.value.remedy}"


def test_a_server_in_trouble_says_nothing_about_the_token(scene: Scene) -> None:
    scene.gitlab.faults.lost("GET .*/self")
    with pytest.raises(Temporary):
        tokens(scene).look("lab", None, WANTS)
    scene.gitlab.faults.status(503, "GET .*/self")
    with pytest.raises(Away):
        tokens(scene).look("lab", None, WANTS)


def test_a_forge_that_there_is_not_is_not_found(scene: Scene) -> None:
    with pytest.raises(NotFound):
        tokens(scene).look("other", None, WANTS)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=10))
def test_scopes_of_any_shape_are_printable_words_and_few(told: object) -> None:
    found = _words(told)
    assert len(found) <= 30
    assert all(len(word) <= 100 and word.isprintable() for word in found)


@given(st.text(max_size=30))
def test_an_end_of_any_shape_is_a_time_or_none(text: str) -> None:
    found = moment(text)
    assert found is None or isinstance(found, float)
