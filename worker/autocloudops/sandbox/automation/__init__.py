"""A stand-in for Systems Manager: what no AWS emulator does with an Automation document, which is to run it."""

from autocloudops.sandbox.automation.server import OPERATIONS, EmbeddedAutomation

__all__ = ["OPERATIONS", "EmbeddedAutomation"]
