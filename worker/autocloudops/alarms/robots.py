"""Other robots: alarms whose actions change something by themselves, so that nothing else may act on them."""

from enum import StrEnum

from autocloudops.alarms.model import Alarm

TARGET_TRACKING = "TargetTracking-"
_SERVICE, _DETAIL = 2, 5
_DETAILED = 6


class Robot(StrEnum):
    """What acts on an alarm."""

    TARGET_TRACKING = "target-tracking"
    AUTOSCALING = "autoscaling"
    EC2 = "ec2"
    SSM = "ssm"
    LAMBDA = "lambda"

    @property
    def settles(self) -> bool:
        """Whether it is known to do something about the trouble itself; functions and OpsItems may only tell people."""
        return self in {Robot.TARGET_TRACKING, Robot.AUTOSCALING, Robot.EC2}


_ROBOTS = {
    "autoscaling": Robot.AUTOSCALING,
    "automate": Robot.EC2,
    "lambda": Robot.LAMBDA,
    "ssm": Robot.SSM,
    "ssm-incidents": Robot.SSM,
}


def robot_of(alarm: Alarm) -> Robot | None:
    """Return who acts on `alarm` besides people, None where its actions only tell somebody.

    Autoscaling makes the alarms of its target tracking itself, under names of its own. EC2 actions are written
    `arn:aws:automate:REGION:ec2:stop`, and as Simple Workflow's `AWS_EC2.InstanceId.Stop` where a role runs them.

    Source: the user guide's page on alarm actions; the API reference's page on PutMetricAlarm.
    """
    if alarm.key.name.startswith(TARGET_TRACKING):
        return Robot.TARGET_TRACKING
    return next((robot for arn in alarm.actions if (robot := _robot_called(arn))), None)


def _robot_called(arn: str) -> Robot | None:
    parts = arn.split(":", _DETAIL)
    if len(parts) <= _SERVICE:
        return None
    if parts[_SERVICE] == "swf":
        return Robot.EC2 if len(parts) < _DETAILED or "AWS_EC2" in parts[_DETAIL] else None
    return _ROBOTS.get(parts[_SERVICE])
