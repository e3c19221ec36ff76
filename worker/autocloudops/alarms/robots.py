"""Other robots: alarms whose actions change something by themselves, so that nothing else may act on them."""

from collections.abc import Iterable, Iterator

from autocloudops.alarms.model import Alarm, Robot

TARGET_TRACKING = "TargetTracking-"
_SERVICE, _DETAIL = 2, 5
_DETAILED = 6


_ROBOTS = {
    "autoscaling": Robot.AUTOSCALING,
    "automate": Robot.EC2,
    "lambda": Robot.LAMBDA,
    "ssm": Robot.SSM,
    "ssm-incidents": Robot.SSM,
}


def robot_of(alarm: Alarm) -> Robot | None:
    """Return who acts on `alarm` besides people in any of its states, None where its actions only tell somebody.

    What acts only when the alarm clears changes what an action of ours would rest on, so that it counts too.
    Autoscaling makes the alarms of its target tracking itself, under names of its own. EC2 actions are written
    `arn:aws:automate:REGION:ec2:stop`, and as Simple Workflow's `AWS_EC2.InstanceId.Stop` where a role runs them.

    Source: the user guide's page on alarm actions; the API reference's page on PutMetricAlarm.
    """
    if alarm.key.name.startswith(TARGET_TRACKING):
        return Robot.TARGET_TRACKING
    return next(_robots_called(alarm.actions), None)


def settler_of(alarm: Alarm) -> Robot | None:
    """Return who settles what `alarm` reports while it is in ALARM, None where nobody is known to.

    A policy that runs on OK only, or one of an alarm whose actions are switched off, settles nothing.
    """
    if alarm.actions_enabled is False:
        return None
    return Robot.TARGET_TRACKING if alarm.key.name.startswith(TARGET_TRACKING) else alarm.settled_by


def settler_among(alarm_actions: Iterable[str]) -> Robot | None:
    """Return the robot that the actions of the ALARM state call and that settles trouble, whatever else they call."""
    return next((robot for robot in _robots_called(alarm_actions) if robot.settles), None)


def _robots_called(actions: Iterable[str]) -> Iterator[Robot]:
    return (robot for arn in actions if (robot := _robot_called(arn)))


def _robot_called(arn: str) -> Robot | None:
    parts = arn.split(":", _DETAIL)
    if len(parts) <= _SERVICE:
        return None
    if parts[_SERVICE] == "swf":
        return Robot.EC2 if len(parts) < _DETAILED or "AWS_EC2" in parts[_DETAIL] else None
    return _ROBOTS.get(parts[_SERVICE])
