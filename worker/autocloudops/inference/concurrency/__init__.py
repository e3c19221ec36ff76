"""How many requests to keep in flight on an endpoint: pure, told the time by its samples."""

from autocloudops.inference.concurrency.controller import ConcurrencyController
from autocloudops.inference.concurrency.sample import Controller, Sample

__all__ = ["ConcurrencyController", "Controller", "Sample"]
