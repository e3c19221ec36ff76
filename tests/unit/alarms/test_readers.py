"""The small readers: one value in any of its spellings, or nothing."""

from datetime import UTC, datetime

import pytest

from autocloudops.alarms.literal import MAX_LITERAL_CHARACTERS, assignments, json_from_literal
from autocloudops.alarms.model import MissingData
from autocloudops.alarms.reasons import comparison_of
from autocloudops.alarms.regions import region_code
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.identity import account_of

AT = datetime(2026, 3, 1, 9, 15, 27, 481000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("missing", MissingData.MISSING),
        ("Missing", MissingData.MISSING),
        ("- TreatMissingData: missing", MissingData.MISSING),
        ("- TreatMissingData:                    missing", MissingData.MISSING),
        ("ignore", MissingData.IGNORE),
        ("- TreatMissingData: ignore", MissingData.IGNORE),
        ("breaching", MissingData.BREACHING),
        ("- TreatMissingData:                    Breaching", MissingData.BREACHING),
        ("notBreaching", MissingData.NOT_BREACHING),
        ("NOT_BREACHING", MissingData.NOT_BREACHING),
        ("not breaching", MissingData.NOT_BREACHING),
        ("NonBreaching", MissingData.NOT_BREACHING),
        ("- TreatMissingData:                    NonBreaching", MissingData.NOT_BREACHING),
        ("", None),
        ("whatever", None),
        (None, None),
    ],
)
def test_missing_data(said: str | None, meant: MissingData | None) -> None:
    """Every spelling of the treatment of missing data that is in the wild is understood."""
    assert read.missing_data(said) is meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("AVERAGE", "Average"),
        ("SAMPLE_COUNT", "SampleCount"),
        ("SampleCount", "SampleCount"),
        ("sum", "Sum"),
        ("p99.9", "p99.9"),
        ("P99.9", "p99.9"),
        ("TM90", "tm90"),
        ("PR(:300)", "PR(:300)"),
        ("IQM", "IQM"),
        (None, None),
    ],
)
def test_statistic(said: str | None, meant: str | None) -> None:
    """Statistics come out in the API's spelling."""
    assert read.statistic(said) == meant


@pytest.mark.parametrize(
    "said",
    [
        "2026-03-01T09:15:27.481+0000",
        "2026-03-01T09:15:27.481Z",
        "2026-03-01 09:15:27.481",
        "2026-03-01T10:15:27.481999+01:00",
        "2026-03-01T09:15:27.481901234Z",
        " 2026-03-01T09:15:27.481Z ",
        1772356527.481,
        1772356527481,
        {
            "__class__": "datetime",
            "year": 2026,
            "month": 3,
            "day": 1,
            "hour": 9,
            "minute": 15,
            "second": 27,
            "microsecond": 481000,
        },
    ],
)
def test_instant(said: object) -> None:
    """A time is UTC with milliseconds, however it was written."""
    assert read.instant(said) == AT


NO_TIMES = ["", "date", "2026-03-01", "09:15:27", "2026-13-01T09:15:27Z", "9999-12-31T23:59:59-23:59", 1e300, -(10**30)]


@pytest.mark.parametrize("said", [*NO_TIMES, True, None, [], {}, {"year": 2026}, {"year": "x", "month": 99, "day": 1}])
def test_no_instant(said: object) -> None:
    """What is no time is none, and raises nothing."""
    assert read.instant(said) is None


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("012345678901", "012345678901"),
        (12345678901, "012345678901"),
        (123456789012.0, "123456789012"),
        (" 123456789012 ", "123456789012"),
        ("1234-5678-9012", "123456789012"),
        ("123456", "123456"),
        ("XXX", None),
        ("\uff11\uff12\uff13", None),
        (10**40, None),
        (-1, None),
        (True, None),
        (None, None),
    ],
)
def test_account(said: object, meant: str | None) -> None:
    """An account is its digits; a number gets its leading zeros back, a text keeps what it has."""
    assert account_of(said) == meant


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("us-east-1", "us-east-1"),
        ("US East (N. Virginia)", "us-east-1"),
        ("US - N. Virginia", "us-east-1"),
        ("US West - Oregon", "us-west-2"),
        ("US West (N. California)", "us-west-1"),
        ("EU - Ireland", "eu-west-1"),
        ("EU (Ireland)", "eu-west-1"),
        ("Europe (Ireland)", "eu-west-1"),
        ("APAC - Tokyo", "ap-northeast-1"),
        ("Asia Pacific (Seoul)", "ap-northeast-2"),
        ("AsiaPacific (Seoul)", "ap-northeast-2"),
        ("Asia Pacific (Osaka-Local)", "ap-northeast-3"),
        ("South America (São Paulo)", "sa-east-1"),
        ("China (Beijing)", "cn-north-1"),
        ("GovCloud (US-West)", "us-gov-west-1"),
        ("AWS GovCloud (US-East)", "us-gov-east-1"),
        ("AWS GovCloud (US)", "us-gov-west-1"),
        ("Canada (Central)", "ca-central-1"),
        ("Mexico (Central)", "mx-central-1"),
        ("eusc-de-east-1", "eusc-de-east-1"),
        ("xx-future-9", "xx-future-9"),
        ("us-east-1a", None),
        ("Ireland", None),
        ("", None),
        ("x" * 10_000, None),
    ],
)
def test_region(said: str, code: str | None) -> None:
    """A region is known by its code, by its name of today, and by the names it had."""
    assert region_code(said) == code


@pytest.mark.parametrize(
    ("reason", "operator", "threshold"),
    [
        ("1 datapoint (10.2) was greater than or equal to the threshold (10.0).", "GreaterThanOrEqualToThreshold", 10),
        (
            "1 datapoint [1.2E9 (01/06/24 11:59:00)] was greater than the threshold (1.5E9).",
            "GreaterThanThreshold",
            1.5e9,
        ),
        (
            "1 out of the last 1 datapoints [0.0 (…)] was not less than the threshold (-4.5e-3)",
            "LessThanThreshold",
            -0.0045,
        ),
        ("3 datapoints were less than or equal to the threshold (4.0).", "LessThanOrEqualToThreshold", 4),
        (
            "was less than the lower thresholds [0.02] or greater than the upper thresholds [0.3]",
            "LessThanLowerOrGreaterThanUpperThreshold",
            None,
        ),
        ("1 datapoint [125.0] was greater than the upper thresholds [100.0]", "GreaterThanUpperThreshold", None),
        ("was greater than the threshold (1.2.3)", "GreaterThanThreshold", None),
        ("Unchecked: Initial alarm creation", None, None),
        ("", None, None),
    ],
)
def test_reason(reason: str, operator: str | None, threshold: float | None) -> None:
    """Each generation of reason text tells its comparison; other texts tell none."""
    told = comparison_of(reason)
    assert (told.operator, told.threshold) == (operator, threshold)


@pytest.mark.parametrize(
    ("value", "found"),
    [(5, 5), ("60", 60), (60.0, 60), (60.5, None), ("1e3", 1000), (True, None), (10**400, None), ("9" * 99, None)],
)
def test_integer(value: object, found: int | None) -> None:
    """Whole numbers are read from numbers and texts; nothing overflows."""
    assert read.integer(value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [(True, True), ("false", False), ("TRUE", True), ("yes", None), (1, None), (None, None)],
)
def test_boolean(value: object, found: bool | None) -> None:
    """Truth is read from booleans and their names only."""
    assert read.boolean(value) is found


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("{'a': True, 'b': None, 'c': [1, -2.5e3,],}", '{"a": true, "b": null, "c": [1, -2.5e3]}'),
        (r"""{'it\'s': "a 'b'", 'q': 'say "x"'}""", r"""{"it's": "a 'b'", "q": "say \"x\""}"""),
        (r"{'a': '\x00\u00e9\U0001F600\d'}", r'{"a": "\u0000\u00e9\ud83d\ude00\\d"}'),
        (r"{'a': '\UFFFFFFFF'}", r'{"a": "\ufffd"}'),
        ("{'a': datetime.datetime(2026, 3, 1)}", None),
        ("{'a': __import__('os')}", None),
        ("{'a': 'open", None),
        ("{'a': '" + "b" * MAX_LITERAL_CHARACTERS + "'}", None),
    ],
)
def test_literal(text: str, rewritten: str | None) -> None:
    """A Python literal becomes the JSON of the same value; anything else is refused, and nothing is run."""
    assert json_from_literal(text) == rewritten


def test_assignments() -> None:
    """Lines of assignments are read up to those that are none."""
    assert assignments("A='1'\nB='x='y''\n}\nC='3'") == {"A": "1", "B": "x='y'", "C": "3"}
    assert assignments("no='assignment") == assignments("words") == {}
