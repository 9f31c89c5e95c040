"""Python as it is written: which modules a script imports and which files it writes. Parsed, never executed."""

import ast
import json
import posixpath
import warnings

from tagstone.domain.proposal.findings import Findings

_LONGEST = 200_000  # characters: what people write by hand is shorter
_MOST_PATHS = 2000
_LONGEST_PATH = 500
_DEEPEST = 20
# Calls whose first argument, or one of these keywords, is the file they write.
_WRITERS = frozenset(
    [
        "savefig",
        "to_csv",
        "to_parquet",
        "to_json",
        "to_excel",
        "to_hdf",
        "to_feather",
        "to_latex",
        "to_html",
        "to_netcdf",
        "to_pickle",
        "to_zarr",
        "to_file",
        "write_csv",
        "write_parquet",
        "write_json",
        "write_image",
        "write_html",
        "savetxt",
        "save",
        "savez",
        "savez_compressed",
        "imsave",
        "imwrite",
        "writeto",
        "saveas",
        "dump",
    ]
)
_SECOND = frozenset({"dump"})  # the file is the second argument, the first what is written
_KEYWORDS = frozenset(
    {"fname", "path", "path_or_buf", "file", "filename", "fp", "uri", "buf", "excel_writer", "path_or_stream"}
)
_WRITING_METHODS = frozenset({"write_text", "write_bytes"})


def read_python(text: str, path: str) -> Findings:
    """What a Python file imports and writes; nothing where it cannot be parsed."""
    found = Findings()
    tree = _parsed(text)
    if tree is None:
        return found
    nodes = list(ast.walk(tree))
    names = _constants(nodes)
    here = posixpath.dirname(path)
    for node in nodes:
        if isinstance(node, ast.Import):
            found.imports |= dict.fromkeys(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.imports[node.module.partition(".")[0]] = None
    calls = [node for node in nodes if isinstance(node, ast.Call)][:_MOST_PATHS]
    for call in calls:
        found.wrote(_path(_written(call), names, here))
    for path_found in _in_made_folders(nodes, calls, names, here):
        found.wrote(path_found)
    return found


def read_notebook(text: str, path: str) -> Findings:
    """What a notebook's Python cells import and write."""
    found = Findings()
    for source in _cells(text):
        lines = ["" if line.lstrip().startswith(("%", "!", "?")) else line for line in source.split("\n")]
        found.add(read_python("\n".join(lines), path))
    return found


def language(text: str) -> str:
    """The language of a notebook's kernel, in lower case; python where it says none."""
    root = _notebook(text)
    about = root.get("metadata")
    for part in ("kernelspec", "language_info"):
        inner = about.get(part) if isinstance(about, dict) else None
        said = inner.get("language" if part == "kernelspec" else "name") if isinstance(inner, dict) else None
        if isinstance(said, str):
            return said.lower()
    return "python"


def _notebook(text: str) -> dict[str, object]:
    try:
        root = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return root if isinstance(root, dict) else {}


def _cells(text: str) -> list[str]:
    cells = _notebook(text).get("cells")
    found = []
    for cell in cells if isinstance(cells, list) else ():
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source")
            parts = source if isinstance(source, list) else [source]
            found.append("".join(part for part in parts if isinstance(part, str)))
    return found


def _parsed(text: str) -> ast.Module | None:
    if len(text) > _LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            # Python warns of odd escapes in what it parses; they are the author's.
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _constants(nodes: list[ast.AST]) -> dict[str, ast.expr]:
    """Names that are assigned once, with what, and defaults of options; a second assignment makes a name unknown."""
    found: dict[str, ast.expr | None] = {}
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument":
            for name in _option(node):
                found.setdefault(name, _argument(node, len(node.args), frozenset({"default"})))
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        value = getattr(node, "value", None)
        for target in targets:
            if isinstance(target, ast.Name):
                found[target.id] = None if target.id in found else value
    return {name: value for name, value in found.items() if value is not None}


def _option(call: ast.Call) -> list[str]:
    """What an option of argparse is called where it is read: `.output` for `--output`."""
    texts = [part.value for part in call.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return ["." + text.lstrip("-").replace("-", "_") for text in texts if text.startswith("--")]


def _written(call: ast.Call) -> ast.expr | None:
    """What names the file that a call writes, None when it writes none."""
    function = call.func
    if isinstance(function, ast.Name):
        opens = function.id == "open" and _writes(_argument(call, 1, frozenset({"mode"})))
        return _argument(call, 0, frozenset({"file"})) if opens else None
    if not isinstance(function, ast.Attribute):
        return None
    name = function.attr
    if name in _WRITING_METHODS or (name == "open" and _writes(_argument(call, 0, frozenset({"mode"})))):
        return function.value
    # Tables of astropy say so by their format; the `write` of an open file takes what is written.
    table = name == "write" and any(keyword.arg in ("format", "overwrite") for keyword in call.keywords)
    return _argument(call, int(name in _SECOND), _KEYWORDS) if table or name in _WRITERS else None


def _in_made_folders(nodes: list[ast.AST], calls: list[ast.Call], names: dict[str, ast.expr], here: str) -> list[str]:
    """Paths below folders that the code makes: whoever makes a folder writes to it, be it in another function."""
    made = {posixpath.normpath(folder) for call in calls if (folder := _made_folder(call, names, here))} - {"."}
    if not made:
        return []
    paths = [node for node in nodes if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Add)]
    texts = [_Reader(names, here).text(node, 0) for node in [*paths, *calls][:_MOST_PATHS]]
    texts += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    found = [text for text in texts if "." in posixpath.basename(text) and posixpath.dirname(text) in made]
    return found or [f"{folder}/*" for folder in sorted(made)]


def _made_folder(call: ast.Call, names: dict[str, ast.expr], here: str) -> str | None:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    if name == "makedirs" or (name == "mkdir" and call.args):
        text = _Reader(names, here).text(call.args[0], 0) if call.args else "*"
    elif name == "mkdir" and isinstance(function, ast.Attribute):
        text = _Reader(names, here).text(function.value, 0)
    else:
        return None
    return None if "*" in text or not text else text


def _argument(call: ast.Call, place: int, keywords: frozenset[str]) -> ast.expr | None:
    if place < len(call.args):
        return call.args[place]
    return next((keyword.value for keyword in call.keywords if keyword.arg in keywords), None)


def _writes(mode: ast.expr | None) -> bool:
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and any(letter in mode.value for letter in "wax")


def _path(node: ast.expr | None, names: dict[str, ast.expr], here: str) -> str | None:
    """A path as far as it is written in the code, None when its folder is not, or when it is no file's name."""
    if node is None:
        return None
    text = _Reader(names, here).text(node, 0)
    folder, name = posixpath.split(text)
    known = not folder.startswith("*") and (name.strip("*") or folder)
    return text if known and ("." in name or "/" in text) else None


class _Reader:
    """Puts a path together as the code does; a budget ends what refers to itself, or grows without end."""

    def __init__(self, names: dict[str, ast.expr], here: str) -> None:
        self._names = names
        self._here = here
        self._budget = 200

    def text(self, node: ast.expr, depth: int) -> str:
        """A text or path, with `*` for what is only known when it runs."""
        self._budget -= 1
        if depth > _DEEPEST or self._budget < 0:
            return "*"
        deeper = depth + 1
        match node:
            case ast.Constant(value=str() as value):
                text = value
            case ast.Name(id="__file__"):
                text = posixpath.join(self._here, "x")
            case ast.Name(id=name) if name in self._names:
                text = self.text(self._names[name], deeper)
            case ast.JoinedStr(values=parts):
                text = "".join(self.text(part, deeper) for part in parts)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                text = self.text(left, deeper) + self.text(right, deeper)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                text = posixpath.join(self.text(left, deeper), self.text(right, deeper))
            case ast.BinOp(left=left, op=ast.Mod()):
                text = _formatted(self.text(left, deeper), "%")
            case ast.Attribute(attr="parent", value=value):
                text = posixpath.dirname(self.text(value, deeper))
            case ast.Attribute(attr=name) if "." + name in self._names:
                text = self.text(self._names["." + name], deeper)
            case ast.Call(func=function, args=arguments):
                text = self._call(function, arguments, deeper)
            case _:
                text = "*"
        return text[:_LONGEST_PATH]

    def _call(self, function: ast.expr, arguments: list[ast.expr], depth: int) -> str:
        if isinstance(function, ast.Name):
            return self._called(function.id, arguments, depth)
        return self._method(function.attr, function.value, arguments, depth) if isinstance(function, ast.Attribute) else "*"

    def _called(self, name: str, arguments: list[ast.expr], depth: int) -> str:
        """A function that makes a path of its arguments."""
        parts = [self.text(part, depth) for part in arguments[:20]]
        if name in ("Path", "PurePath", "join"):
            return posixpath.join(*parts) if parts else ""
        if name in ("str", "fspath", "abspath", "realpath") and parts:
            return parts[0]
        return posixpath.dirname(parts[0]) if name == "dirname" and parts else "*"

    def _method(self, name: str, value: ast.expr, arguments: list[ast.expr], depth: int) -> str:
        """A method of a path or text; else a function of a module, such as os.path.join."""
        if name in ("resolve", "absolute"):
            return self.text(value, depth)
        if name == "format":
            return _formatted(self.text(value, depth), "{")
        if name == "joinpath":
            return posixpath.join(self.text(value, depth), *(self.text(part, depth) for part in arguments[:20]))
        return self._called(name, arguments, depth)


def _formatted(text: str, mark: str) -> str:
    """A format with `*` for each place that is filled in."""
    if mark == "%":
        head, *rest = text.split("%")
        return head + "".join("*" + part.lstrip("0123456789.-+ ")[1:] for part in rest)
    head, *rest = text.split("{")
    return head + "".join("*" + part.partition("}")[2] for part in rest)
