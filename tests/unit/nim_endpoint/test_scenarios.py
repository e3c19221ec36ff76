from datetime import date

import pytest

from nim_endpoint import catalogue
from nim_endpoint.catalogue import Price
from nim_endpoint.scenarios import (
    MONTH_HOURS,
    NAIVE,
    OFFICE_DAYS,
    Load,
    Rate,
    corrected,
    corrected_months,
    costs,
    naive_errors,
)

PRICE = Price(price_per_hour=2.605, price_date=date(2025, 12, 31), price_source="test")
RATE = Rate(instance_type="ml.g6e.xlarge", instances=1, price=PRICE, licence_per_hour=1.0)


def load(*, alarms: float = 10_000, ratio: float = 0.1) -> Load:
    """Return a month with the times that were measured on ml.g5.xlarge."""
    return Load(
        alarms=alarms, incidents_per_alarm=ratio, waking_seconds=9.4 * 60, idling_seconds=23 * 60, office_hours=10
    )


def test_the_naive_estimates_add_up() -> None:
    """Both are the sum of their items, to the cent."""
    sagemaker, eks = NAIVE
    assert [line.dollars for line in sagemaker.lines] == [380.16, 2.30, 10.00]
    assert sagemaker.dollars == 392.46
    assert [line.dollars for line in eks.lines] == [72.00, 140.16, 380.16, 8.00, 16.20, 32.40, 1.00, 5.00, 0.00]
    assert eks.dollars == 654.92
    assert sagemaker.dollars / eks.dollars == pytest.approx(0.599, abs=0.0005)


def test_what_is_wrong_with_them_is_said() -> None:
    """The wrong price, a GPU that cannot hold the model, one endpoint for two, mixed months, no licence."""
    said = " ".join(naive_errors())
    assert round(0.528 * 720, 2) == 380.16
    assert round(0.7364 * 730, 2) == 537.57
    for each in ("0.7364, x 730 h = 537.57", "14.96 of the 13.6", "one endpoint", "720 h and of 730 h", "licence"):
        assert each in said


def test_the_corrected_sums() -> None:
    """Price and licence, by 730 hours, on instance types that hold the model: (1.515 + 1) x 730 = 1,835.95."""
    told = {line.what: line.dollars for line in corrected(catalogue.model("nemotron-nano-8b"))}
    assert told["ml.g5.2xlarge"] == 1_835.95
    assert told["ml.g6e.xlarge"] == 2_631.65
    assert told["ml.g5.12xlarge"] == 5_905.70
    assert "ml.g4dn.xlarge" not in told


def test_the_corrected_scenarios_have_both_models() -> None:
    """(2.605 + 1) x 730 + (1.4084 + 1) x 730 + 12.30 on SageMaker; the same GPUs and licences on EKS.

    What the naive estimates have as 40 % cheaper is 15 % dearer: SageMaker takes more for the same GPU.
    """
    sagemaker, eks = corrected_months()
    assert [line.dollars for line in sagemaker.lines] == [2_631.65, 1_758.13, 2.30, 10.00]
    assert sagemaker.dollars == 4_402.08
    assert [line.dollars for line in eks.lines] == [73.00, 140.16, 16.43, 32.85, 2_088.53, 1_464.38, 8.00, 1.00, 5.00]
    assert eks.dollars == 3_829.35
    assert sagemaker.dollars / eks.dollars == pytest.approx(1.15, abs=0.005)


def test_always_on_is_every_hour() -> None:
    """730 x (2.605 + 1) = 2,631.65, and 263.17 for each of ten thousand alarms' thousands."""
    always = costs(RATE, load())[0]
    assert (always.hours, round(always.dollars, 2), always.cold) == (730, 2_631.65, 0)
    assert always.per_1000_alarms == pytest.approx(263.165)


def test_office_hours_pay_for_the_start_and_miss_the_nights() -> None:
    """21.67 days x (10 h + 9.4 min) = 220.06 h; incidents outside of 216.67 of 730 hours find no instance."""
    office = costs(RATE, load())[1]
    assert office.hours == pytest.approx(OFFICE_DAYS * (10 + 9.4 / 60))
    assert office.dollars == pytest.approx(793.32, abs=0.01)
    assert office.cold == pytest.approx(1_000 * (1 - 216.6667 / 730), abs=0.01)


def test_to_zero_pays_the_idle_tail_and_counts_cold_hits() -> None:
    """1,000 incidents, each 32.4 min: up for 730 x (1 - exp(-1000/730 x 0.54)) = 381.6 h, and 477 find it down."""
    zero = costs(RATE, load())[2]
    assert zero.hours == pytest.approx(381.61, abs=0.01)
    assert zero.cold == pytest.approx(477.24, abs=0.01)
    assert zero.dollars == pytest.approx(zero.hours * 3.605)


def test_a_lone_incident_costs_its_whole_tail() -> None:
    """One incident in a month keeps the endpoint up for 0.54 h, and finds it down."""
    zero = costs(RATE, load(alarms=1, ratio=1))[2]
    assert zero.hours == pytest.approx(0.54, rel=0.001)
    assert zero.cold == pytest.approx(1, rel=0.001)


def test_many_incidents_leave_it_no_sleep() -> None:
    """With thousands of incidents scaling to zero costs what always on does."""
    always, _, zero = costs(RATE, load(alarms=100_000, ratio=1))
    assert zero.dollars == pytest.approx(always.dollars)
    assert zero.cold < 1
    assert zero.hours <= MONTH_HOURS


def test_sixty_active_hours_cost_what_the_reference_says() -> None:
    """60 h x (2.605 + 1) = 216.30, without the tails that this model adds."""
    assert 60 * RATE.per_hour == pytest.approx(216.30)
