"""How each kind of target is read: one file each, one line each in the table."""

from collections.abc import Mapping

from autocloudops.actions.facts.targets.databases import DATABASE
from autocloudops.actions.facts.targets.groups import GROUP
from autocloudops.actions.facts.targets.instances import INSTANCE
from autocloudops.actions.facts.targets.model import Kind
from autocloudops.actions.facts.targets.services import SERVICE

KINDS: Mapping[str, Kind] = {kind.type: kind for kind in (SERVICE, GROUP, DATABASE, INSTANCE)}
