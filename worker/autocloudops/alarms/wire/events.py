"""The last step to an `AwsEvent`: what every notice that is no alarm says in its own words."""

from typing import NamedTuple

from autocloudops.alarms.model import AwsEvent
from autocloudops.alarms.regions import region_code
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.identity import Origin, account_in, arn_field, region_in
from autocloudops.alarms.wire.shape import Place, Wire

GLOBAL = "global"
"""The region of AWS Health's events that belong to none."""


class Notice(NamedTuple):
    """What a notice says of itself, as sent.

    Attributes:
        source: as EventBridge names the service, `aws.rds`.
        detail_type: what happened, in the sender's words.
        time: when, as sent.
        detail: the object that tells it all.
        resources: ARNs and ids, the first the one that the notice is about.
        id: the sender's id of the event, where it gives one.
    """

    source: str
    detail_type: str
    time: object
    detail: object
    resources: tuple[str, ...] = ()
    id: str | None = None


def _place(notice: Notice, account: object, region: object, wire: Wire) -> Place:
    arn = next((arn for arn in notice.resources if arn_field(arn, 4)), None)
    named = region_code(region) if isinstance(region, str) else None
    origin = Origin(None, account or arn_field(arn, 4), named or arn_field(arn, 3) or region)
    return Place(account_in(origin, wire.place), GLOBAL if region == GLOBAL else region_in(origin, wire.place))


def aws_event(notice: Notice, account: object, region: object, wire: Wire) -> AwsEvent:
    """Return `notice` as an event of `account` and `region`; what is not given is read from its first ARN.

    Raises:
        Refused: where account, region or time is missing or unreadable.
    """
    place = _place(notice, account, region, wire)
    detail = notice.detail if isinstance(notice.detail, dict) else {}
    return AwsEvent(
        source=notice.source,
        detail_type=notice.detail_type,
        account=place.account,
        region=place.region,
        at=read.required_instant(notice.time),
        raw_sha256=wire.raw_sha256,
        shape=wire.shape,
        id=notice.id or read.digest([notice.source, notice.detail_type, notice.time, notice.resources, detail]),
        resources=notice.resources,
        detail=detail,
    )
