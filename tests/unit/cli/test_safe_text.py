"""What comes from outside is shown, never obeyed."""

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tagstone.cli.safe_text import LogText, visible, visible_lines
from tagstone.domain.publications.publication import Step

HOSTILE = st.text(st.one_of(st.characters(), st.sampled_from("\x1b\x07\x9b\r\n\t\x7f\u202e\u2028\ud800[]/")), max_size=60)


def tame(text: str) -> bool:
    """No character that a terminal obeys, other than line ends."""
    return all(unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in text if character != "\n")


@given(HOSTILE)
def test_visible_text_is_tame_and_on_one_line(text):
    assert tame(visible(text))
    assert "\n" not in visible(text)


@given(HOSTILE)
def test_visible_lines_keep_lines_and_nothing_else(text):
    assert tame(visible_lines(text))


@given(st.binary(max_size=200), st.integers(0, 200))
def test_log_bytes_are_tame_and_the_same_however_they_are_cut(data, cut):
    whole, parts = LogText(), LogText()
    text = whole.feed(data, final=True)
    assert tame(text)
    assert parts.feed(data[:cut]) + parts.feed(data[cut:]) + parts.feed(b"", final=True) == text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Poincaré und Ångström 星\n".encode(), "Poincaré und Ångström 星\n"),
        (b"\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        (b"10%\r20%\r\n", "10%\n20%\n"),
        (b"\xff", "\\xff"),
        ("\u202egnp.exe".encode(), "\\u202egnp.exe"),
    ],
)
def test_log_text_by_example(data, text):
    assert LogText().feed(data, final=True) == text


@given(text=HOSTILE.filter(lambda text: "\0" not in text and "\ud800" not in text))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_title_error_or_log_reaches_the_terminal_raw(tagstone, installation, text):
    with installation.sessions.write() as session:
        for table in ("steps", "logs", "publications", "projects"):
            session.connection().exec_driver_sql(f"DELETE FROM {table}")
    title = text.encode("utf-8", "replace").decode()
    publication = installation.publication(
        title=title, error=title, remedy=title, waiting=title, version=title, ref=title, state="failed"
    )
    installation.step(publication, Step.RUN, "failed")
    installation.log(publication, "run-1", [title.encode()])
    for command in (
        ["list"],
        ["show", publication],
        ["logs", publication],
        ["show", publication, "--json"],
        ["list", "--json"],
    ):
        done = tagstone(*command)
        assert done.exit_code == 0, done.output
        assert tame(done.stdout)
        assert tame(done.stderr)


def test_rich_markup_in_a_title_is_text(tagstone, installation):
    publication = installation.publication(title="[bold red]Wobble[/] :smile: [link=http://x]y[/link]")
    for command in ("list", "show"):
        assert (
            "[bold red]Wobble[/] :smile: [link=http://x]y[/link]"
            in tagstone(command, *([publication] if command == "show" else [])).stdout
        )
