"""How every message ends: where to read more, and how to say whether it was right."""

from uuid import UUID

from autocloudops.decisions.story import short_id
from autocloudops.incidents.past import Judgement


def closing(incident_id: UUID) -> tuple[str, ...]:
    """Return the last lines of a message about an incident, as commands that can be copied."""
    name = short_id(incident_id)
    return (
        f"{'MORE':9}autocloudops audit show {name}",
        f"{'LABEL':9}autocloudops label {name} {'|'.join(Judgement)}",
    )
