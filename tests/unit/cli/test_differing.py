"""diff."""

from dataclasses import replace

from fakes import facts as recorded
from tagstone.domain.code.source import ProjectIdentity
from tagstone.domain.publications import record


def version(tag: str, *, project: str = "wobble", title: str = "Wobble"):
    """The facts of one tag of a project."""
    facts = recorded.facts()
    identity = ProjectIdentity(f"example.org/{project}", project, f"/home/ada/{project}", None)
    commit = replace(facts.source.commit, sha=(tag[-1] * 40), ref=tag)
    deposit = replace(recorded.deposit(), doi=f"10.5072/tagstone.{project}.{tag}")
    return replace(facts, source=replace(facts.source, project=identity, tag=tag, commit=commit, title=title), deposit=deposit)


def test_two_tags_of_a_project_are_compared(tagstone, installation):
    installation.publication(version("v1"))
    installation.publication(version("v2", title="More wobble"))
    done = tagstone("diff", "v1", "v2")
    assert done.exit_code == 0
    assert "v1 (10.5072/tagstone.wobble.v1) → v2 (10.5072/tagstone.wobble.v2)" in done.stdout
    assert "  ~ title: Wobble → More wobble" in done.stdout


def test_programs_are_told_every_section(tagstone, installation):
    first, second = installation.publication(version("v1")), installation.publication(version("v2", title="More wobble"))
    told = tagstone.json("diff", first, second)
    assert told["publications"] == {"before": first, "after": second}
    assert told["identical"] is False
    assert told["sections"]["metadata"]["changes"] == [
        {"change": "changed", "name": "title", "before": "Wobble", "after": "More wobble"}
    ]


def test_a_tag_of_several_projects_is_taken_from_the_project_of_the_other(tagstone, installation):
    for project in ("wobble", "nutation"):
        installation.publication(version("v1", project=project))
    second = installation.publication(version("v2", project="nutation"))
    assert "tagstone.nutation.v1) → v2" in tagstone("diff", "v1", second).stdout
    ambiguous = tagstone("diff", "v1", "v1")
    assert (ambiguous.exit_code, "several publications" in ambiguous.stderr) == (5, True)


def test_a_bundle_is_compared_with_a_record(tagstone, installation, tmp_path):
    (tmp_path / "tagstone.json").write_bytes(record.dump(version("v2", title="More wobble")))
    installation.publication(version("v1"))
    assert "~ title: Wobble → More wobble" in tagstone("diff", "v1", str(tmp_path)).stdout


def test_names_from_outside_cannot_move_the_cursor(tagstone, installation):
    installation.publication(version("v1"))
    installation.publication(version("v2", title="\x1b[2Jwobble\nsecond line\u202e"))
    printed = tagstone("diff", "v1", "v2").stdout
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    assert not any(line.startswith("second line") for line in printed.splitlines())


def test_what_is_unknown_is_said_so(tagstone, installation):
    installation.publication(version("v1"))
    assert tagstone("diff", "v1", "v9").exit_code == 4
