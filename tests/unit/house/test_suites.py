"""No heavy test is forgotten: each lies in a folder that the suite of its marker looks at."""

import re
from collections.abc import Iterator
from pathlib import Path


def suites(makefile: str) -> Iterator[tuple[str, list[str]]]:
    """Each marker that `make` runs, and the folders it is looked for in."""
    for markers, folders in re.findall(r"(?i)pytest\b.* -m (\w+|\"[\w ]+\")((?: tests/[\w/]+)+)$", makefile, re.MULTILINE):
        for marker in markers.strip('"').split(" or "):
            yield marker, folders.split()


def marked(tests: Path, marker: str) -> set[str]:
    """Files of tests that use a marker, themselves or through what they import it from."""
    return {
        str(path.relative_to(tests.parent))
        for path in tests.rglob("test_*.py")
        if re.search(rf"\bmark\.{marker}\b", path.read_text(encoding="utf-8"))
    }


def test_every_heavy_marker_has_a_suite(checkout: Path) -> None:
    makefile = (checkout / "Makefile").read_text(encoding="utf-8")
    quick = re.search(r"^QUICK := (.*)$", makefile, re.MULTILINE)
    assert quick
    heavy = set(quick[1].replace("not ", "").split(" and "))
    assert heavy - {"hostile"} == {marker for marker, _ in suites(makefile)}
    assert "--hostile-table tests/hostile" in makefile


def test_every_heavy_test_lies_where_its_suite_looks(checkout: Path) -> None:
    found = dict(suites((checkout / "Makefile").read_text(encoding="utf-8"))) | {"hostile": ["tests/hostile"]}
    for marker, folders in found.items():
        files = marked(checkout / "tests", marker)
        assert files, f"no test has the marker {marker}"
        assert [file for file in sorted(files) if not file.startswith(tuple(f"{folder}/" for folder in folders))] == []
