"""The hostile files are what their script makes, so that nobody has to trust them."""

from pathlib import Path

from assets.hostile import make


def test_the_files_are_what_the_script_makes() -> None:
    made = dict(make.files())
    here = Path(make.__file__).parent
    there = {
        path.relative_to(here).as_posix(): path.read_bytes()
        for path in here.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc", ".md")
    }
    assert there.keys() == made.keys()
    assert [path for path in made if made[path] != there[path]] == []
