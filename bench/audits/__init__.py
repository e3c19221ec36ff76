"""The parts of the bench of the audit's writer."""
