"""Fails when a function has more than 60 lines, a module more than 500, or a class more than 2 of ours below it.

Usage: sizes.py [FOLDER ...]

A function is measured without its decorators and docstring: what is said about it is not held against it.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FUNCTION_LINES = 60
MODULE_LINES = 500
# Errors may be one deeper (errors.py): the tree itself is what people read.
CLASS_DEPTH = 2
ERROR_DEPTH = 3


def _function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    last = node.end_lineno or node.lineno
    docstring = ast.get_docstring(node, clean=False)
    first = node.body[0]
    documented = (first.end_lineno or first.lineno) - first.lineno + 1 if docstring is not None else 0
    return last - node.lineno + 1 - documented


def _bases(node: ast.ClassDef) -> list[str]:
    return [
        base.attr if isinstance(base, ast.Attribute) else base.id
        for base in node.bases
        if isinstance(base, ast.Name | ast.Attribute)
    ]


def _depth(name: str, parents: dict[str, list[str]]) -> int:
    return 1 + max((_depth(base, parents) for base in parents[name] if base in parents and base != name), default=0)


def _is_error(name: str, parents: dict[str, list[str]]) -> bool:
    return any(
        base.endswith(("Error", "Exception")) or (base in parents and base != name and _is_error(base, parents))
        for base in parents[name]
    )


def faults(paths: list[Path]) -> Iterator[str]:
    """Yield one line per fault in these Python files."""
    parents: dict[str, list[str]] = {}
    places: dict[str, str] = {}
    for path in paths:
        text = path.read_text(encoding="utf-8")
        lines = text.count("\n")
        if lines > MODULE_LINES:
            yield f"{path}:1: module has {lines} lines, more than {MODULE_LINES}: split it by what it knows."
        for node in ast.walk(ast.parse(text, str(path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _function_lines(node) > FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {_function_lines(node)} lines, more than {FUNCTION_LINES}: name its parts."
            if isinstance(node, ast.ClassDef):
                parents[node.name] = _bases(node)
                places[node.name] = f"{path}:{node.lineno}"
    for name in parents:
        limit = ERROR_DEPTH if _is_error(name, parents) else CLASS_DEPTH
        if _depth(name, parents) > limit:
            yield f"{places[name]}: class {name} stands on more than {limit - 1} classes of ours: hand it what it needs instead."


def main(folders: list[str]) -> int:
    """Print the faults of all Python files below `folders`; return the exit code."""
    found = list(faults(sorted(path for folder in folders for path in Path(folder).rglob("*.py"))))
    print("\n".join(found) if found else "Sizes: kept.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["."]))
