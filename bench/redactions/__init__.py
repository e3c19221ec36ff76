"""What `bench/redaction.py` plants, what it leaves clean, and who looks for it."""
