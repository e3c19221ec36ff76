"""Adapter. Whether SNS sent a message, and for a topic that was asked for; the confirmation of subscriptions."""
