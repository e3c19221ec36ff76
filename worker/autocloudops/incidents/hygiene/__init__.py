"""Alarms that cannot be right: findings that need no model, each with its evidence."""
