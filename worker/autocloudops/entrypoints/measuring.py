"""Metrics, where the settings ask for them."""

import sys

from autocloudops.clock import Clock
from autocloudops.metrics import EmbeddedMetrics, Measuring
from autocloudops.settings import MetricsSettings, StateSettings, read

TABLE_ENDS = "-state"


def measuring_of(clock: Clock) -> Measuring | None:
    """Return what measures, for the deployment that the state table is named after; None where nothing is measured."""
    namespace = read(MetricsSettings).namespace
    if not namespace:
        return None
    service = read(StateSettings).table.removesuffix(TABLE_ENDS)
    return Measuring(EmbeddedMetrics(sys.stdout, clock, namespace, service), clock)
