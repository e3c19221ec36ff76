# ruff: noqa: INP001 - a script, no package
"""Checks every template with cloudformation-validate, AWS's own offline validator; a warning fails it too.

    python infrastructure/lint/validate.py

What is allowed stands below with its reason. What is allowed and does not occur any more fails it as well.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from cloudformation_validate import CompositeEngine, Severity

TEMPLATES = Path(__file__).parents[1] / "cloudformation"
FROM_ITS_NAME = (
    "names are fixed by the prefix, so that stacks need no outputs of each other; nothing in it is hard-coded"
)
ALLOWED: Mapping[tuple[str, str, str], str] = {
    (
        "audit",
        "W1030",
        "AuditSigningKeyAlias",
    ): "the first key stands in for an empty parameter, by the condition there",
    ("endpoint-autoscaling", "W1030", "TurnedAway"): "made only where the component has a name, by its condition",
    ("foundation", "W1030", "AuditLock"): "NONE makes no lock, by the condition around it",
    ("worker-ecs", "W9002", "WorkerTask"): FROM_ITS_NAME,
    ("worker-ecs", "W9002", "DigestTask"): FROM_ITS_NAME,
    ("worker-lambda", "W9002", "Alarms"): FROM_ITS_NAME,
    ("worker-lambda", "W9002", "FollowUps"): FROM_ITS_NAME,
}


def findings() -> Iterator[tuple[tuple[str, str, str], str]]:
    """Yield each finding by template, rule and resource, with what it says."""
    engine = CompositeEngine()
    for template in sorted(TEMPLATES.glob("*.yaml")):
        for found in engine.validate_template(str(template)).diagnostics:
            if found.severity is not Severity.INFO:
                where = found.entity.logical_id if found.entity else ""
                yield (template.stem, found.rule_id, where), f"{template.name}:{found.start_line}: {found.message}"


def main() -> int:
    """Say what is wrong, and return how many things are."""
    found = list(findings())
    wrong = [f"{said} [{key[1]} {key[2]}]" for key, said in found if key not in ALLOWED]
    wrong += [f"allowed, and not there any more: {' '.join(key)}" for key in ALLOWED.keys() - {key for key, _ in found}]
    sys.stderr.writelines(f"{each}\n" for each in wrong)
    return len(wrong)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
