"""The size check counts what it says it counts."""

from pathlib import Path

import pytest

import sizes


@pytest.fixture
def write(tmp_path: Path):
    def _write(text: str) -> Path:
        path = tmp_path / "module.py"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def _function(lines: int, docstring: str = "") -> str:
    return "def work():\n" + docstring + "    x = 1\n" * (lines - 1)


def test_a_function_of_60_lines_passes(write) -> None:
    assert list(sizes.faults([write(_function(60))])) == []


def test_a_function_of_61_lines_is_a_fault_with_its_place(write) -> None:
    (fault,) = sizes.faults([write("import os\n\n\n" + _function(61))])
    assert "module.py:4: work has 61 lines" in fault


def test_a_docstring_is_not_held_against_its_function(write) -> None:
    assert list(sizes.faults([write(_function(60, '    """One.\n\n    Two.\n    """\n'))])) == []


def test_methods_and_async_functions_are_measured_too(write) -> None:
    text = "class Worker:\n    async def work(self):\n" + "        x = 1\n" * 60
    assert len(list(sizes.faults([write(text)]))) == 1


@pytest.mark.parametrize(("lines", "faults"), [(500, 0), (501, 1)])
def test_a_module_may_have_500_lines(write, lines: int, faults: int) -> None:
    assert len(list(sizes.faults([write("x = 1\n" * lines)]))) == faults


def test_a_class_may_stand_on_one_of_ours(write) -> None:
    assert list(sizes.faults([write("class A: ...\nclass B(A): ...\n")])) == []


def test_a_class_three_deep_is_a_fault(write) -> None:
    (fault,) = sizes.faults([write("class A: ...\nclass B(A): ...\nclass C(B): ...\n")])
    assert "class C" in fault


def test_errors_may_be_three_deep(write) -> None:
    text = "class A(Exception): ...\nclass B(A): ...\nclass C(B): ...\nclass D(C): ...\n"
    (fault,) = sizes.faults([write(text)])
    assert "class D" in fault


def test_the_exit_code_says_whether_there_was_a_fault(write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(_function(61))
    assert sizes.main([str(path.parent)]) == 1
    path.write_text("", encoding="utf-8")
    assert sizes.main([str(path.parent)]) == 0
    assert "work has 61 lines" in capsys.readouterr().out
