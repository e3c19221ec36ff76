import pytest

from autocloudops.entrypoints import wiring
from autocloudops.environment import read
from autocloudops.errors import SettingsInvalid
from autocloudops.settings import ActionSettings, QueueSettings

OWN = "https://sqs.eu-west-1.amazonaws.com/111122223333/"


@pytest.mark.parametrize(
    ("url", "dlq_url", "wrong"),
    [
        ("follow-ups.fifo", "follow-ups-dlq", "followups_url"),
        ("follow-ups", "follow-ups-dlq.fifo", "followups_dlq_url"),
        ("follow-ups", "follow-ups", "followups_dlq_url"),
        ("follow-ups", "", "followups_dlq_url"),
    ],
)
def test_a_queue_of_follow_ups_is_looked_at_like_one_of_alarms(
    url: str, dlq_url: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue that SQS could not delay follow-ups in, or that would bring them back for ever, is refused by name."""
    monkeypatch.setenv("AUTOCLOUDOPS_ACTION_FOLLOWUPS_URL", OWN + url)
    monkeypatch.setenv("AUTOCLOUDOPS_ACTION_FOLLOWUPS_DLQ_URL", dlq_url and OWN + dlq_url)
    with pytest.raises(SettingsInvalid, match=f"^AUTOCLOUDOPS_ACTION_{wrong.upper()}: "):
        read(ActionSettings)


@pytest.mark.parametrize("taken", ["alarms", "alarms-dlq"])
def test_a_queue_of_alarms_brings_no_follow_ups(taken: str) -> None:
    """Two consumers of one queue would park each other's messages: whoever named it twice reads what to do."""
    queue = QueueSettings(url=f"{OWN}alarms", dlq_url=f"{OWN}alarms-dlq")
    action = ActionSettings(followups_url=OWN + taken, followups_dlq_url=f"{OWN}follow-ups-dlq")
    with pytest.raises(SettingsInvalid, match=r"^AUTOCLOUDOPS_ACTION_FOLLOWUPS_URL: .* is for alarms") as raised:
        wiring.follow_up_queue(queue, action)
    assert raised.value.advice.startswith("name a queue of its own")
