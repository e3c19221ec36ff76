"""The only place where the rooms meet: a delivery goes in, its records become durable, and it is said how it ends."""

from autocloudops.pipeline.asking import Asking, Shift
from autocloudops.pipeline.delivery import Pipeline
from autocloudops.pipeline.rooms import Investigates, Rooms

__all__ = ["Asking", "Investigates", "Pipeline", "Rooms", "Shift"]
