"""Makes the formats of the redaction bench importable: benches belong to no package that is installed."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3]))
