"""AutoCloudOps: CloudWatch alarm triage by a language model that you host."""

__version__ = "0.1.0"
