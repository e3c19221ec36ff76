"""What a worker looks at before it starts, and `autocloudops doctor` for people: permissions, names, and facts."""

from autocloudops.entrypoints.preflight.checks import Check, Finding, State, Weight, examine
from autocloudops.entrypoints.preflight.plan import planned
from autocloudops.entrypoints.preflight.starting import preflight

__all__ = ["Check", "Finding", "State", "Weight", "examine", "planned", "preflight"]
