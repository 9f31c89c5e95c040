"""Our speed beside that of peers, measured in the same run: `make bench` prints one table and fails when a limit is missed.

What is measured is filled with the facts of the tests.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests"))
