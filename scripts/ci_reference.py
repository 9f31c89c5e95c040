"""Writes ci-templates/README.md from the templates themselves, so that both say the same.

Usage: ci_reference.py [--check]
"""

import sys
from pathlib import Path
from typing import Any

import yaml

TEMPLATES = Path(__file__).resolve().parent.parent / "ci-templates"
README = TEMPLATES / "README.md"
_ORDER = ("tagstone.yml", "check.yml", "build.yml", "run.yml", "publish.yml")
_HEAD = """\
# Templates for GitLab CI

Made by `scripts/ci_reference.py` from the templates; do not edit.

```yaml
include:
  - project: tagstone/ci-templates      # where your GitLab has them
    ref: v1
    file: /tagstone.yml
    inputs: {service: "https://tagstone.example.org", image: "registry.example.org/tagstone/ci@sha256:…"}
```

Push a tag such as `v1.0.0`: the image is built and pushed to the project's registry by digest, and the tag handed in at the service.
Branches and merge requests are checked, and can be rehearsed by hand, so that nobody's first try is a real DOI. From elsewhere,
`include: remote` takes the same inputs; name its `integrity` then.

Where CITATION.cff and files such as requirements.txt or apt.txt describe the project, no tagstone.yml is needed: write `command`,
`outputs` and hardware as inputs. What tagstone.yml says cannot be given once more, except hardware that is the same.

## What holds for all of them

- Jobs are named, and put into stages, by inputs; nothing global is set, and of the project's `default` only runners' `tags` are taken.
- Nothing here keeps anybody out. Who may run a pipeline can set any variable and change any job: what is published is decided by
  the service, from the job's signed identity token: protected tag, registered project, the tag's own commit.
- A later job finds `TAGSTONE_IMAGE` and `TAGSTONE_IMAGE_REFERENCE` after *build*, and `TAGSTONE_DOI`, `TAGSTONE_CONCEPT_DOI`,
  `TAGSTONE_RECORD`, `TAGSTONE_URL`, `TAGSTONE_PUBLICATION` and `TAGSTONE_STATE` after *publish*, when it `needs` these jobs.
- *publish* follows for ten minutes (`patience`). Where that is not enough, or a person has to approve, it ends saying *waiting* and
  where to look; run it again to ask anew.
- Bases of images come from the group's dependency proxy, or from the registry in the variable `TAGSTONE_BUILDS__UPSTREAM`.
- *run* is for analyses on the project's own runners. Its `cpu`, `memory` and `disk` become `KUBERNETES_CPU_REQUEST` and its like,
  which a runner ignores where its admin did not allow them: the job looks before it begins. There is no variable for GPUs: choose
  a runner that has them by `run_tags`. The image has to have tagstone in it, such as by a line in requirements.txt. The command sees
  the variables of its image and those of every run, none of the job's.
"""


def reference() -> str:
    """The whole README as Markdown."""
    return _HEAD + "".join(_section(name) for name in _ORDER)


def header(name: str) -> dict[str, Any]:
    """The inputs that a template declares."""
    first = next(iter(yaml.safe_load_all((TEMPLATES / name).read_text(encoding="utf-8"))))
    inputs = first["spec"]["inputs"]
    assert isinstance(inputs, dict)
    return inputs


def _section(name: str) -> str:
    purpose = (TEMPLATES / name).read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    rows = [_row(key, about) for key, about in header(name).items()]
    table = "\n".join(["| input | type | default | what it is |", "| --- | --- | --- | --- |", *rows])
    return f"\n## `{name}`\n\n{purpose}\n\n{table}\n"


def _row(name: str, about: dict[str, Any]) -> str:
    default = "required" if "default" not in about else f"`{about['default']}`" if about["default"] != "" else "empty"
    allowed = ""
    if "options" in about:
        allowed = f" One of {', '.join(f'`{option}`' for option in about['options'])}."
    elif "regex" in about:
        allowed = f" Matches `{about['regex']}`."
    cells = (f"`{name}`", about["type"], default, about["description"] + allowed)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> int:
    """Write the README, or with `--check` say whether it is up to date."""
    text = reference()
    if sys.argv[1:] == ["--check"]:
        if README.read_text(encoding="utf-8") == text:
            return 0
        print(f"{README} is out of date: run scripts/ci_reference.py.", file=sys.stderr)
        return 1
    README.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
