"""The parts of `bench/faults.py`: what goes wrong when, the endpoints it happens to, the worker beside them."""
