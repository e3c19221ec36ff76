"""The wire shapes, one file each. A new shape is a file and a line in this table.

A body takes the first shape that accepts it: carriers stand before what they carry, and shapes with telling keys before
those that share theirs.
"""

from autocloudops.alarms.wire import (
    alarm_history,
    alertmanager,
    autoscaling_notice,
    cloudformation_notice,
    codedeploy_notice,
    describe_alarms,
    eventbridge,
    eventbridge_alarm,
    lambda_action,
    lambda_sns_event,
    lambda_sqs_event,
    rds_notice,
    sns_alarm,
    sns_envelope,
    sns_structure,
)
from autocloudops.alarms.wire.shape import Shape

SHAPES: tuple[Shape, ...] = (
    lambda_sns_event.SHAPE,
    lambda_sqs_event.SHAPE,
    eventbridge_alarm.SHAPE,
    eventbridge.SHAPE,
    sns_envelope.SHAPE,
    sns_structure.SHAPE,
    lambda_action.SHAPE,
    alarm_history.SHAPE,
    describe_alarms.SHAPE,
    sns_alarm.SHAPE,
    alertmanager.SHAPE,
    autoscaling_notice.SHAPE,
    rds_notice.SHAPE,
    codedeploy_notice.SHAPE,
    cloudformation_notice.SHAPE,
)
