"""A decision as a notification."""

from autocloudops.decisions.story import Story, headline, lines, short_id
from autocloudops.notify.sns import Notification


def notification_of(story: Story) -> Notification:
    """Return what people are told about one decision."""
    decision = story.decision
    more = f"{'MORE':9}autocloudops audit show {short_id(story.incident_id)}"
    return Notification(
        subject=headline(story),
        text="\n".join([*lines(story), more]),
        attributes={
            "verdict": decision.verdict.value,
            "account": story.resource.account,
            "region": story.resource.region,
            "action": decision.request.action if decision.request else "none",
        },
    )
