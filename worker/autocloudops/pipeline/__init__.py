"""The only place where the rooms meet: a delivery goes in, its records become durable, and it is said how it ends."""

from autocloudops.pipeline.asking import Asking, Rooms, Shift
from autocloudops.pipeline.delivery import Pipeline

__all__ = ["Asking", "Pipeline", "Rooms", "Shift"]
