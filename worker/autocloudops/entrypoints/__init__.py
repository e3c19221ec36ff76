"""How the pipeline runs: as a long-lived worker."""
