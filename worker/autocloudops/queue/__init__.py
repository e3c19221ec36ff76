"""SQS: receive on demand, acknowledge in batches, park what cannot be read, hand back what was not begun."""
