"""How many connections a database takes: the default formulas of RDS and Aurora over the memory of its class.

Memory of classes: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html
Formulas of RDS: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections
Aurora MySQL: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Managing.Performance.html
Aurora PostgreSQL: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Managing.html

`DBInstanceClassMemory` is the memory of the class less what the system and RDS themselves take, which no page states:
what the formulas give here is an upper estimate.
"""

import re
from collections.abc import Mapping
from math import log2

GIB = 1024**3

_CLASS = re.compile(r"db\.(?P<family>[a-z]+\d[a-z]*)\.(?P<size>[a-z0-9]+)", re.ASCII)
_SMALL: Mapping[str, float] = {"micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32}
"""GiB of the burstable classes."""
_LARGE: Mapping[str, float] = {
    "m3": 7.5,
    "r3": 15.25,
    "r4": 15.25,
    "x2g": 32,
    "x2idn": 32,
    "x2iedn": 64,
    "x2iezn": 64,
    "z1d": 16,
}
"""GiB that one `large` has, or would have, where the family departs from its letter."""
_BY_LETTER: Mapping[str, float] = {"c": 4, "m": 8, "r": 16}
_FACTOR = re.compile(r"(?P<times>\d{0,2})xlarge", re.ASCII)
_LEAST = re.compile(
    r"(?:LEAST\()?\{?DBInstanceClassMemory/(?P<divisor>\d{1,12})\}?(?:,(?P<most>\d{1,7})\))?", re.ASCII | re.IGNORECASE
)

POSTGRES = "LEAST({DBInstanceClassMemory/9531392},5000)"
MYSQL = "{DBInstanceClassMemory/12582880}"
AURORA_MYSQL = "GREATEST({log(DBInstanceClassMemory/805306368)*45},{log(DBInstanceClassMemory/8187281408)*1000})"
_FORMULAS: Mapping[str, str] = {
    "postgres": POSTGRES,
    "aurora-postgresql": POSTGRES,
    "mysql": MYSQL,
    "aurora-mysql": AURORA_MYSQL,
    "aurora": AURORA_MYSQL,
}


def memory_bytes(instance_class: str) -> float | None:
    """Return the memory of a class, as `db.r6g.large`, None where its family is not known or has no fixed one."""
    found = _CLASS.fullmatch(instance_class)
    if found is None:
        return None
    family, size = found["family"], found["size"]
    if family.startswith("t"):
        gib = _SMALL.get(size)
    else:
        large = _LARGE.get(family, _BY_LETTER.get(family[0]))
        times = _times(size)
        gib = large * times if large and times else None
    return gib * GIB if gib else None


def default_formula(engine: str) -> str | None:
    """Return the formula of an engine's default parameter group, None where none is known for every version."""
    return _FORMULAS.get(engine)


def connections(formula: str, memory: float | None) -> float | None:
    """Return what `max_connections` comes to, None where that cannot be told.

    Args:
        formula: a number, or one of the forms that RDS's own parameter groups use.
        memory: of the class, in bytes.
    """
    plain = "".join(formula.split())
    if plain.isascii() and plain.isdigit():
        return float(plain)
    if memory is None:
        return None
    if plain == AURORA_MYSQL:
        return _aurora_mysql(memory)
    found = _LEAST.fullmatch(plain)
    if found is None or not int(found["divisor"]):
        return None
    value = float(memory // int(found["divisor"]))
    return min(value, float(found["most"])) if found["most"] else value


def _aurora_mysql(memory: float) -> float:
    return float(round(max(log2(memory / 805306368) * 45, log2(memory / 8187281408) * 1000)))


def _times(size: str) -> float | None:
    if size == "large":
        return 1
    found = _FACTOR.fullmatch(size)
    return 2 * float(found["times"] or 1) if found else None
