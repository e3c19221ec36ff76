import pytest

from autocloudops.errors import InputUnreadable
from autocloudops.knowledge.front_matter import Asked, Match, parse_runbook

ASKED = Asked(
    alarm="orders-db-connections",
    owner="rds-db-instance/orders-db",
    resource_type="rds:db-instance",
    account="111122223333",
    region="eu-west-1",
    metrics=(("AWS/RDS", "DatabaseConnections"),),
)


def test_a_runbook_is_read_with_its_sections() -> None:
    """Title, match, expiry and every section below a heading are kept; a heading inside code is none."""
    text = (
        "---\ntitle: Pool\nmatch: {metric: Queue*}\nexpires: 2027-06-30\n---\nFirst.\n## Then\n```\n# no heading\n```\n"
    )
    found = parse_runbook("db/pool.md", text)
    assert (found.title, str(found.expires), found.match.metric) == ("Pool", "2027-06-30", ("Queue*",))
    assert [(each.heading, each.text) for each in found.sections] == [
        ("", "First."),
        ("Then", "```\n# no heading\n```"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# Pool\n", "db.md:1: it does not begin with the line ---"),
        ("---\ntitle: a\n", "db.md:2: its front matter has no end"),
        ("---\ntitle: a\nmatch: {metric: [}\n---\nx", "db.md:3: no YAML"),
        ("---\ntitle: a\n\nexpire: 2027-01-01\n---\nx", "db.md:4: expire: extra inputs are not permitted"),
        ("---\ntitle: a\nmatch:\n  owner: x\n  metrc: y\n---\nx", "db.md:5: match.metrc: extra"),
        ("---\ntitle: a\nmatch:\n  account: 111122223333\n---\nx", "db.md:4: match.account"),
        ("---\nmatch: {}\n---\nx", "db.md:2: title: field required"),
        ("---\ntitle: a\nexpires: soon\n---\nx", "db.md:3: expires: "),
        ("---\n- a\n---\nx", "db.md:2: it is no mapping"),
        ("---\ntitle: a\n---\n\n# Only a heading\n", "db.md:3: nothing stands below"),
        ("---\ntitle: " + "[" * 3000 + "\n---\nx", "db.md:"),
        ("---\ntitle: !!python/object/apply:os.system ['x']\n---\nx", "db.md:2: no YAML"),
    ],
)
def test_a_wrong_front_matter_names_file_and_line(text: str, said: str) -> None:
    """Whatever is wrong, the error says where, so that it can be repaired without this code."""
    with pytest.raises(InputUnreadable) as caught:
        parse_runbook("db.md", text)
    assert said in str(caught.value)


def test_secrets_and_invisible_orders_are_gone_from_a_section() -> None:
    """A section is cleaned and bounded when it is read, so that nothing later can forget it."""
    text = "---\ntitle: a\n---\npassword=hunter2hunter2 \u202e\n" + "x" * 9000
    section = parse_runbook("a.md", text).sections[0]
    assert "hunter2" not in section.text
    assert "\u202e" not in section.text
    assert len(section.text) == 2000


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        (Match(metric=("DatabaseConnections",)), True),
        (Match(metric=("databaseconnections",)), False),
        (Match(metric=("Database*",), namespace=("AWS/EC2",)), False),
        (Match(metric=("Nothing", "Data*")), True),
        (Match(owner=("rds-db-instance/orders-*",), region=("us-*",)), False),
        (Match(owner=("*",)), False),
        (Match(), False),
    ],
)
def test_every_given_field_must_fit(match: Match, fits: bool) -> None:
    """One glob of each field must fit, case counts, and what fits everything fits nothing in particular."""
    assert (match.rank(ASKED) is not None) is fits


def test_namespace_and_metric_must_fit_one_metric() -> None:
    """Two metrics of an expression do not lend each other their halves."""
    asked = ASKED.model_copy(update={"metrics": (("AWS/RDS", "Latency"), ("AWS/EC2", "CPUUtilization"))})
    assert Match(namespace=("AWS/RDS",), metric=("CPUUtilization",)).rank(asked) is None
    assert Match(namespace=("AWS/EC2",), metric=("CPUUtilization",)).rank(asked)


def test_the_more_specific_match_comes_first() -> None:
    """The order is: alarm, owner, metric, resource type, namespace; exact before glob; then the longer glob."""
    ordered = [
        Match(alarm=("orders-db-connections",)),
        Match(alarm=("orders-*",), owner=("rds-*",)),
        Match(alarm=("orders-*",)),
        Match(alarm=("o*",)),
        Match(owner=("rds-db-instance/orders-db",)),
        Match(owner=("rds-*",), metric=("DatabaseConnections",)),
        Match(metric=("DatabaseConnections",), namespace=("AWS/RDS",)),
        Match(metric=("DatabaseConnections",)),
        Match(metric=("Database*",)),
        Match(resource_type=("rds:*",)),
        Match(namespace=("AWS/RDS",)),
    ]
    ranks = [each.rank(ASKED) or () for each in ordered]
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == len(ranks)
