"""Write domain/environments/rees/debian_r.py anew: the R packages that Debian has, from the package lists of this machine's apt.

    apt-get update && python scripts/make_debian_r.py > service/tagstone/domain/environments/rees/debian_r.py

The machine has to be the Debian that environments stand on (domain/environments/rees/needs.py says which).
"""

import subprocess
import textwrap

HEAD = '''"""R packages that Debian bookworm has, below r-cran- and r-bioc-. Written by scripts/make_debian_r.py; do not edit."""
# ruff: noqa: SIM905 - a list with quotes would be three times as long

CRAN = frozenset(
    """
{cran}
    """.split()
)
"""Names of CRAN in lower case, as Debian writes them."""

BIOCONDUCTOR = frozenset(
    """
{bioc}
    """.split()
)
"""Names of Bioconductor in lower case."""
'''


def main() -> None:
    """Print the module."""
    listed = subprocess.run(["apt-cache", "pkgnames", "r-"], check=True, capture_output=True, text=True).stdout.split()
    fill = textwrap.TextWrapper(124, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False).fill

    def below(prefix: str) -> str:
        return fill(" ".join(sorted(name.removeprefix(prefix) for name in listed if name.startswith(prefix))))

    print(HEAD.format(cran=below("r-cran-"), bioc=below("r-bioc-")), end="")


if __name__ == "__main__":
    main()
