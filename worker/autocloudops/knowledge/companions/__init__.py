"""What is looked at beside the metric of an alarm: a few metrics of the same resource, by its type."""

from autocloudops.knowledge.companions.deriving import MOST, Companion, companions
from autocloudops.knowledge.companions.table import COMPANIONS

__all__ = ["COMPANIONS", "MOST", "Companion", "companions"]
