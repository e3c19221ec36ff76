import pytest

from autocloudops.knowledge.configurations.connections import GIB, connections, default_formula, memory_bytes


@pytest.mark.parametrize(
    ("instance_class", "gib"),
    [
        ("db.t3.micro", 1),
        ("db.t4g.2xlarge", 32),
        ("db.m5.large", 8),
        ("db.m6i.xlarge", 16),
        ("db.r4.large", 15.25),
        ("db.r5.24xlarge", 768),
        ("db.r6g.large", 16),
        ("db.x2g.16xlarge", 1024),
        ("db.x2iedn.xlarge", 128),
    ],
)
def test_a_class_has_the_memory_that_its_page_states(instance_class: str, gib: float) -> None:
    """Memory of classes follows their family and size, as the table of RDS has it."""
    assert memory_bytes(instance_class) == gib * GIB


@pytest.mark.parametrize(
    "instance_class", ["db.serverless", "db.q9.large", "db.r5.large.tpc1", "db.t3.9xlarge", "x", ""]
)
def test_a_class_that_is_not_known_has_no_memory(instance_class: str) -> None:
    """No number is made up for a class of another shape."""
    assert memory_bytes(instance_class) is None


@pytest.mark.parametrize(
    ("engine", "instance_class", "documented"),
    [
        ("postgres", "db.r6g.large", 1802),
        ("postgres", "db.r6g.4xlarge", 5000),
        ("mysql", "db.r6g.large", 1365),
        ("aurora-postgresql", "db.r5.xlarge", 3604),
        ("aurora-mysql", "db.r5.large", 1069),
        ("aurora-mysql", "db.r5.24xlarge", 6654),
    ],
)
def test_default_formulas_give_an_upper_estimate(engine: str, instance_class: str, documented: int) -> None:
    """The formula over the memory of the class, which is a little more than what the database itself may take."""
    formula = default_formula(engine)
    assert formula is not None
    assert connections(formula, memory_bytes(instance_class)) == documented


def test_what_a_team_set_itself_counts_as_it_is() -> None:
    """A number needs no memory; a formula of RDS's form is worked out; another form is not guessed."""
    assert connections("820", None) == 820
    assert connections("{DBInstanceClassMemory/25165760}", 16 * GIB) == 682
    assert connections("LEAST({DBInstanceClassMemory/25165760}, 500)", 16 * GIB) == 500
    assert connections("{DBInstanceClassMemory/25165760}", None) is None
    assert connections("{DBInstanceClassMemory/0}", 16 * GIB) is None
    assert connections("SUM(1,2)", 16 * GIB) is None


def test_an_engine_whose_default_depends_on_its_version_has_no_formula() -> None:
    """MariaDB changed its default, SQL Server and Oracle count otherwise."""
    assert [default_formula(engine) for engine in ("mariadb", "sqlserver-se", "oracle-ee", "docdb")] == [None] * 4
