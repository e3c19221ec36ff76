"""What is known about the target of an action, read when one is proposed."""
