"""The parts of `bench/endpoint_utilisation.py`: a saturated endpoint in virtual time, its reference, and the peers."""
