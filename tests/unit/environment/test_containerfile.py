"""Containerfiles are read as engines read them, and every base is put in by its digest."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.environments.containerfile import not_carried, parse, render, rewrite
from tagstone.errors import Invalid

EPOCH = "ARG SOURCE_DATE_EPOCH=315532800"


def rewritten(text):
    return rewrite(parse(text))


def faults(text):
    with pytest.raises(Invalid) as caught:
        rewritten(text)
    found: Any = caught.value.faults
    return [(fault.line, fault.message) for fault in found]


def test_a_base_becomes_a_place_and_the_time_follows():
    found = rewritten("FROM debian:bookworm\nRUN true\n")
    assert found.text == f"FROM {{base:0}}\n{EPOCH}\nRUN true\n"
    assert (found.written, found.layers_on, found.sources) == (("debian:bookworm",), 0, ())


def test_stages_are_followed_to_the_base_under_the_last():
    found = rewritten("FROM a:1 AS One\nFROM b:1\nFROM one as two\nFROM two\nCOPY --from=ONE /x /y\nCOPY --from=1 /x /y\n")
    assert found.written == ("a:1", "b:1")
    assert found.layers_on == 0
    assert "FROM one AS two\n" in found.text
    assert "COPY --from=ONE /x /y\nCOPY --from=1 /x /y\n" in found.text


def test_scratch_has_no_base():
    found = rewritten("FROM scratch\nCOPY x /\n")
    assert (found.written, found.layers_on) == ((), None)


def test_the_same_base_is_counted_once():
    assert rewritten("FROM a AS x\nFROM b AS y\nFROM a\n").written == ("a", "b")


def test_files_of_another_image_come_from_a_place_with_their_flags():
    found = rewritten("FROM a\nCOPY --chown=1:1 --from=ghcr.io/tool:2 /bin/tool /bin/\n")
    assert "COPY --from={base:1} --chown=1:1 /bin/tool /bin/\n" in found.text
    assert (found.written, found.layers_on) == (("a", "ghcr.io/tool:2"), 0)


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("$TAG", "debian:12"),
        ("${TAG}", "debian:12"),
        ("${NONE:-11}", "debian:11"),
        ("${TAG:+alt}", "debian:alt"),
        ("${NONE:-}x", "debian:x"),
    ],
)
def test_arguments_before_the_first_from_have_their_defaults(name, image):
    assert rewritten(f'ARG TAG="12"\nARG NONE\nFROM debian:{name}\n').written == (image,)


def test_an_argument_without_a_value_is_a_fault():
    assert faults("ARG TAG\nFROM debian:$TAG\n") == [(2, "$TAG has no value here.")]


def test_lines_go_on_over_comments_and_empty_lines():
    parsed = parse("FROM a\nRUN one \\\n# comment\n\n  two \\ \n  three\nLABEL x=y\n")
    assert [(one.line, one.keyword, one.rest) for one in parsed.instructions] == [
        (1, "FROM", "a"),
        (2, "RUN", "one two three"),
        (7, "LABEL", "x=y"),
    ]


def test_another_escape_character_is_kept():
    found = rewritten("# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nRUN one `\n two\n")
    assert found.text == f"# escape=`\nFROM {{base:0}}\n{EPOCH}\nRUN one `\n two\n"


def test_a_directive_after_a_comment_is_a_comment():
    assert parse("# hello\n# escape=`\nFROM a\n").escape == "\\"


def test_windows_lines_and_a_byte_order_mark_are_read():
    assert rewritten("\ufeffFROM a\r\nRUN one \\\r\n two\r\n").text == f"FROM {{base:0}}\n{EPOCH}\nRUN one \\\n two\n"


def test_a_heredoc_is_refused_and_its_lines_are_no_instructions():
    assert faults("FROM a\nRUN <<EOF\nFROM evil\nADD https://x y\nEOF\nADD https://host.test/x /y\n") == [
        (2, "Heredocs (<<) are not read by every builder.")
    ]


@pytest.mark.parametrize("line", ["RUN cat <<'EOF' > x", "COPY <<-END /x", "RUN python3 <<EOF"])
def test_every_form_of_heredoc_is_known(line):
    assert len(faults(f"FROM a\n{line}\nEOF\n")) == 1


@pytest.mark.parametrize("line", ["RUN echo $((1 << 2))", 'RUN cat <<< "x"', "RUN python3 -c '1<<x'"])
def test_shifts_and_here_strings_are_no_heredocs(line):
    assert f"\n{line}\n" in rewritten(f"FROM a\n{line}\n").text


def test_all_that_cannot_be_pinned_is_found_at_once():
    text = (
        "FROM --platform=linux/arm64 a\nADD https://host.test/x /x\nADD git@host.test:x.git /x\n"
        "COPY --from=$STAGE /x /\nRUN --mount=from=image:1,target=/x true\nFROM a b\n"
    )
    assert [line for line, _ in faults(text)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("platform", ["$BUILDPLATFORM", "linux/amd64"])
def test_the_platform_that_is_built_for_anyway_may_be_named(platform):
    assert rewritten(f"FROM --platform={platform} a\n").text.startswith("FROM {base:0}\n")


def test_a_mount_may_take_from_a_stage():
    found = rewritten("FROM a AS one\nFROM b\nRUN --mount=type=bind,from=one,target=/x true\n")
    assert found.sources is None


def test_sources_come_with_their_lines():
    assert rewritten('FROM a\nCOPY x y /z/\nADD ["p q", "/z/"]\n').sources == ((2, "x"), (2, "y"), (3, "p q"))


def test_a_file_without_from_is_a_fault():
    assert faults("RUN true\n") == [(None, "It has no FROM.")]


def test_rendering_fills_places_and_adds_lines_to_every_stage():
    found = rewritten("FROM a AS x\nRUN true\nFROM scratch\nCOPY --from=b:1 /y /\n")
    text = render(found.text, ["id-a", "id-b"], ["LABEL mine=1"])
    assert (
        text == f"FROM id-a AS x\nLABEL mine=1\n{EPOCH}\nRUN true\nFROM scratch\nLABEL mine=1\n{EPOCH}\nCOPY --from=id-b /y /\n"
    )


def test_an_authors_own_braces_are_left_alone():
    text = rewritten("FROM a\nRUN echo {base:0} \\\nFROM {base:7}\n").text
    assert render(text, ["id"]).endswith("RUN echo {base:0} \\\nFROM {base:7}\n")


@given(st.text(alphabet=st.sampled_from("FROMCPYARGUN -=$\\{}[]\"'\n#:<ab/.\t"), max_size=120))
def test_whatever_is_written_only_our_errors_come_out(text):
    with contextlib.suppress(Invalid):
        render(rewritten(text).text, [])


def test_what_no_image_carries_is_told_with_its_line():
    text = "FROM debian:bookworm\nVOLUME /data\nHEALTHCHECK CMD true\nSTOPSIGNAL SIGINT\nEXPOSE 80\n"
    assert [(one.line, one.warning) for one in not_carried(parse(text))] == [(2, True), (3, True)]
