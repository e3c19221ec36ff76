"""AutoCloudOps: CloudWatch alarm triage by a language model that you host."""

from importlib.metadata import version

__version__ = version("autocloudops")
