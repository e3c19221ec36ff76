"""Incidents as files, what one reader makes of them with and without evidence, and the score."""
