import json

import pytest
from alarm_bodies import Body, alarm_detail, described, eventbridge, sns_alarm

from autocloudops.alarms.model import Alarm, Robot
from autocloudops.alarms.parse import parse
from autocloudops.alarms.robots import robot_of, settler_of

SCALING = "arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy:1:autoScalingGroupName/a:policyName/b"
FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:fix"
RECOVER = "arn:aws:automate:eu-west-1:ec2:recover"


def alarm(**changes: object) -> Alarm:
    """Return one described alarm."""
    return read(described(**changes))


def read(body: Body) -> Alarm:
    """Return the alarm that a body tells of."""
    (found,) = parse(json.dumps(body))
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


@pytest.mark.parametrize("actions", [[FUNCTION, SCALING], [SCALING, FUNCTION]])
def test_what_settles_an_alarm_does_not_hang_on_the_order_of_its_actions(actions: list[str]) -> None:
    """A scaling policy settles the trouble, also behind a function that may only tell people."""
    assert settler_of(alarm(AlarmActions=actions)) is Robot.AUTOSCALING


@pytest.mark.parametrize(
    "changes",
    [
        {"OKActions": [SCALING]},
        {"InsufficientDataActions": [RECOVER]},
        {"ActionsEnabled": False, "AlarmActions": [SCALING]},
        {"ActionsEnabled": False, "AlarmName": "TargetTracking-table/orders-AlarmHigh-1"},
    ],
)
def test_a_robot_that_does_not_run_in_alarm_settles_nothing(changes: dict[str, object]) -> None:
    """What acts in another state only, or is switched off, leaves the trouble to people; it still bars our actions."""
    found = alarm(**changes)
    assert settler_of(found) is None
    assert robot_of(found) is not None


def test_every_shape_that_sends_actions_tells_those_of_alarm_apart() -> None:
    """DescribeAlarms, SNS and EventBridge name the robot of the ALARM state, and none where it is that of OK."""
    for kind, robot in (("AlarmActions", Robot.AUTOSCALING), ("OKActions", None)):
        actions = {"AlarmActions": [], "OKActions": [], kind: [SCALING]}
        detail = alarm_detail(configuration={"metrics": [], **actions})
        for body in (described(**actions), sns_alarm(**actions), eventbridge(detail)):
            assert settler_of(read(body)) is robot


def test_an_alarm_stored_before_robots_were_told_apart_is_read() -> None:
    """An alarm of an older record has no robot that settles it: then people are asked, and nothing else acts."""
    old = alarm(AlarmActions=[SCALING]).model_dump_json(exclude={"settled_by"})
    found = Alarm.model_validate_json(old)
    assert (settler_of(found), robot_of(found)) == (None, Robot.AUTOSCALING)
