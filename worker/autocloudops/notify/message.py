"""A decision as a notification."""

from autocloudops.decisions.story import Story, headline, lines
from autocloudops.notify.closing import closing
from autocloudops.notify.sns import Notification


def notification_of(story: Story) -> Notification:
    """Return what people are told about one decision."""
    decision = story.decision
    return Notification(
        subject=headline(story),
        text="\n".join([*lines(story), *closing(story.incident_id)]),
        attributes={
            "verdict": decision.verdict.value,
            "account": story.resource.account,
            "region": story.resource.region,
            "action": decision.request.action if decision.request else "none",
        },
    )
