"""How an alarm stands at the moment of asking, as far as CloudWatch says so."""

from datetime import datetime

from autocloudops.alarms.model import AlarmState, Robot, Suppression
from autocloudops.values import Value


class AlarmStanding(Value):
    """The state of an alarm when it was asked for at `read_at`.

    `since` is the time of its last change of state. `suppression` says why CloudWatch runs no actions for it. For an
    alarm with contributors it is the state of the whole alarm: in ALARM while any of them is. `robot` is who acts on it
    besides people, by the actions that it has now.
    """

    state: AlarmState
    since: datetime
    read_at: datetime
    suppression: Suppression | None = None
    robot: Robot | None = None

    @property
    def firing(self) -> bool:
        """Whether it is in ALARM."""
        return self.state is AlarmState.ALARM
