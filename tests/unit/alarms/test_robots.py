import json

import pytest
from alarm_bodies import described

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.parse import parse
from autocloudops.alarms.robots import Robot, robot_of


def alarm(**changes: object) -> Alarm:
    """Return one described alarm."""
    (found,) = parse(json.dumps(described(**changes)))
    assert isinstance(found, Alarm)
    return found


@pytest.mark.parametrize(
    ("action", "robot"),
    [
        ("arn:aws:automate:eu-west-1:ec2:stop", Robot.EC2),
        ("arn:aws:swf:eu-west-1:111122223333:action/actions/AWS_EC2.InstanceId.Reboot/1.0", Robot.EC2),
        (
            "arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy:1:autoScalingGroupName/a:policyName/b",
            "autoscaling",
        ),
        ("arn:aws-cn:lambda:cn-north-1:111122223333:function:fix", Robot.LAMBDA),
        ("arn:aws:ssm:eu-west-1:111122223333:opsitem:3", Robot.SSM),
        ("arn:aws:ssm-incidents::111122223333:response-plan/plan", Robot.SSM),
        ("arn:aws:sns:eu-west-1:111122223333:lambda", None),
        ("lambda", None),
    ],
)
def test_an_action_that_changes_something_is_a_robot(action: str, robot: Robot | None) -> None:
    """Autoscaling, EC2, Lambda and Systems Manager act by themselves; a topic only tells, whatever its name is."""
    assert robot_of(alarm(AlarmActions=["arn:aws:sns:eu-west-1:111122223333:pages", action])) == robot


def test_an_action_on_ok_is_a_robot_too() -> None:
    """A function that runs when an alarm clears changes what an action of ours would rest on."""
    assert robot_of(alarm(OKActions=["arn:aws:lambda:eu-west-1:111122223333:function:fix"])) is Robot.LAMBDA


def test_target_tracking_is_known_by_its_name() -> None:
    """Autoscaling's own alarms are known even where their actions are not sent."""
    assert robot_of(alarm(AlarmName="TargetTracking-table/orders-AlarmHigh-1", AlarmActions=[])) == "target-tracking"
