"""Incidents that a composite alarm ties together."""

import asyncio
from uuid import UUID

from autocloudops.alarms.model import Alarm
from autocloudops.incidents.grouping import running_episode
from autocloudops.incidents.model import History
from autocloudops.incidents.relatives import child_keys
from autocloudops.incidents.store import IncidentStore


async def related(incidents: IncidentStore, alarm: Alarm, history: History) -> list[UUID]:
    """Return the incidents of the composite alarm that names `alarm`, and those in which alarms that it names fire.

    Args:
        incidents: where they are kept.
        alarm: a firing alarm.
        history: what is recorded of its key.
    """
    histories = (incidents.history(key, alarm.at) for key in child_keys(alarm))
    children = await asyncio.gather(*histories)
    episodes = [running_episode(child.changes, alarm.at) for child in children]
    found = [history.parent, *(episode.incident_id for episode in episodes if episode)]
    return [incident_id for incident_id in found if incident_id]
