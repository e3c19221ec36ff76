"""The two handlers of bench/cold_start.py, each a script: seconds from its first import to its first message's end."""
