"""Makes the benches importable: they are scripts beside the tests and belong to no package that is installed."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3]))
