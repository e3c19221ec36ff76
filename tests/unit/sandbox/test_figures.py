import pytest

from autocloudops.sandbox.endpoint.figures import Figures

TWO_OF_THREE = (
    "2 out of the last 3 datapoints [1.0E7 (22/11/26 10:00:00), -4.0 (22/11/26 09:55:00)] were less than the "
    "threshold (2.5E7) (minimum 2 datapoints for OK -> ALARM transition)."
)
BAND = (
    "1 out of the last 1 datapoints [0.5 (22/11/26 10:00:00)] was less than the lower thresholds [0.6] or "
    "greater than the upper thresholds [0.9] (minimum 1 datapoint for OK -> ALARM transition)."
)


@pytest.mark.parametrize(
    ("text", "values", "crossed", "thresholds"),
    [
        ("1 datapoint (10.5) was greater than or equal to the threshold (10.0).", (10.5,), 1, (10.0,)),
        ("1 datapoint [3.25 (29/10/25 13:20:00)] was greater than the threshold (1.0).", (3.25,), 1, (1.0,)),
        (
            TWO_OF_THREE,
            (1e7, -4.0),
            2,
            (2.5e7,),
        ),
        (
            BAND,
            (0.5,),
            1,
            (0.6, 0.9),
        ),
        ("no datapoints were received for 1 period and 1 missing datapoint was treated as [Breaching].", (), 0, ()),
        ("Unchecked: Initial alarm creation", (), 0, ()),
        ("", (), 0, ()),
    ],
)
def test_reason_texts_of_three_generations_are_read(
    text: str, values: tuple[float, ...], crossed: int, thresholds: tuple[float, ...]
) -> None:
    """Datapoints, their number and the thresholds are read from each form of CloudWatch's reason text."""
    assert Figures.of(text) == Figures(values=values, crossed=crossed, thresholds=thresholds)


@pytest.mark.parametrize(
    ("values", "thresholds", "wide"),
    [
        ((99.0,), (90.0,), True),
        ((98.9,), (90.0,), False),
        ((99.0, 91.0), (90.0,), False),
        ((1.0,), (0.0,), True),
        ((0.5,), (0.6, 0.51), False),
        ((), (90.0,), False),
        ((99.0,), (), False),
    ],
)
def test_a_wide_margin_is_a_tenth_of_the_threshold(
    values: tuple[float, ...], thresholds: tuple[float, ...], *, wide: bool
) -> None:
    """Every datapoint must be a tenth away from the nearest threshold; without figures nothing is wide."""
    assert Figures(values=values, crossed=len(values), thresholds=thresholds).wide is wide
