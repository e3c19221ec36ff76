"""What an alarm is about, read from its dimensions: `resolve` and the table it reads."""

from autocloudops.alarms.resources.resolving import resolve

__all__ = ["resolve"]
