"""How long after the hour or day that its key names an object is still looked for."""

from datetime import timedelta

LATE_BY = timedelta(days=2)
"""Objects of decisions, and how long a writer is remembered in digests without being heard of."""
ACTIONS_LATE_BY = timedelta(days=8)
"""Objects of actions: their key names the day of the claim, and approvals and verifications take their time."""
