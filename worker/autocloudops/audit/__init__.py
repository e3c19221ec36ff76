"""The durable line for everything that was decided, and how it reaches S3 once and stays there."""
