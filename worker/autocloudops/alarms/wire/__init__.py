"""The wire shapes, one file each. A new shape is a file that holds a `SHAPE`, and a line in this table.

A body takes the first shape that accepts it: carriers stand before what they carry, and shapes with telling keys before
those that share theirs.
"""

from importlib import import_module

from autocloudops.alarms.wire.shape import Shape

ORDER = (
    "lambda_sns_event",
    "lambda_sqs_event",
    "lambda_destination",
    "eventbridge_alarm",
    "eventbridge",
    "sns_envelope",
    "sns_structure",
    "lambda_action",
    "alarm_history",
    "describe_alarms",
    "sns_alarm",
    "alertmanager",
    "autoscaling_notice",
    "rds_notice",
    "codedeploy_notice",
    "cloudformation_notice",
)
SHAPES: tuple[Shape, ...] = tuple(import_module(f"{__name__}.{name}").SHAPE for name in ORDER)
