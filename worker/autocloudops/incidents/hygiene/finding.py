"""The value that a rule finds."""

from collections.abc import Mapping

from autocloudops.values import Value


class Finding(Value):
    """Something about an alarm that needs no model to see.

    `veto` says that the finding proves the alarm wrong, so that nothing may be done on its word.
    `evidence` holds the alarm's own fields and numbers that the statement rests on, each as text and bounded.
    """

    code: str
    veto: bool
    statement: str
    evidence: Mapping[str, str]


Found = tuple[str, Mapping[str, str]]
