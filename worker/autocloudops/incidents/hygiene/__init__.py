"""Alarms that cannot be right: findings that need no model, each with its evidence."""

from autocloudops.incidents.hygiene.finding import Finding
from autocloudops.incidents.hygiene.rules import RULES, findings

__all__ = ["RULES", "Finding", "findings"]
