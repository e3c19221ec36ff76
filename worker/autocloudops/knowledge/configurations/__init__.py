"""Which calls read which kind of resource. A new kind is one row in the file of its service."""

from collections.abc import Mapping

from autocloudops.knowledge.configurations import (
    compute,
    containers,
    data_stores,
    databases,
    edge,
    functions,
    load_balancing,
    messaging,
)
from autocloudops.knowledge.configurations.reading import Describer

DESCRIBERS: tuple[Describer, ...] = (
    *compute.DESCRIBERS,
    *containers.DESCRIBERS,
    *functions.DESCRIBERS,
    *databases.DESCRIBERS,
    *load_balancing.DESCRIBERS,
    *data_stores.DESCRIBERS,
    *messaging.DESCRIBERS,
    *edge.DESCRIBERS,
)
BY_TYPE: Mapping[str, Describer] = {type_: describer for describer in DESCRIBERS for type_ in describer.types}
