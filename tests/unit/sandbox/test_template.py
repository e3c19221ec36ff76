import re
from pathlib import Path

from autocloudops.sandbox import foundation

CHECKOUT = Path(__file__).parents[3] / "infrastructure" / "cloudformation" / "foundation.yaml"


def test_a_checkout_deploys_the_repositorys_own_template() -> None:
    """What the sandbox deploys is the file that is deployed on AWS, to the letter."""
    assert foundation.template() == CHECKOUT.read_text(encoding="utf-8")


def test_no_permission_has_a_wild_card() -> None:
    """No action is open-ended, and what names every principal only denies; the stacks' own tests look at resources."""
    text = foundation.template()
    assert re.findall(r"""^ +-? ?Action: \[?["']?\*["']?\]?$""", text, re.MULTILINE) == []
    statements = re.split(r"^ +- Sid: ", text, flags=re.MULTILINE)[1:]
    assert statements
    open_to_all = [each for each in statements if re.search(r"""Principal: ["']?\*""", each)]
    assert all("Effect: Deny" in each for each in open_to_all)


def test_every_name_starts_with_the_prefix() -> None:
    """Two stacks with different prefixes cannot meet in a name."""
    names = re.findall(
        r"^ +(?:QueueName|TopicName|BucketName|TableName|Name): (.+)$", foundation.template(), re.MULTILINE
    )
    assert len(names) == 12
    assert all(name.startswith(('!Sub "${Prefix}-', '!Sub "${Prefix}/')) for name in names)
