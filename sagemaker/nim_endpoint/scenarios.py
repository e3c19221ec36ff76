"""What an endpoint costs in a month: as a naive estimate has it, as it should be, and by how it is run.

A month has 730 hours (8,760 / 12) and 21.67 working days (52 x 5 / 12). All prices are US dollars.
"""

import math
from collections.abc import Sequence

from pydantic import Field

from autocloudops.values import Value
from nim_endpoint.catalogue import ModelCard, Price, instance, instances, model
from nim_endpoint.memory import fit

MONTH_HOURS = 730.0
OFFICE_DAYS = 52 * 5 / 12
USEFUL_TOKENS = 16_384
"""A model that cannot read as much cannot read an incident's evidence."""


class Line(Value):
    """One item of a sum, with its arithmetic where it has any."""

    what: str
    dollars: float
    arithmetic: str = ""


class Month(Value):
    """A sum, item by item."""

    name: str
    lines: tuple[Line, ...]

    @property
    def dollars(self) -> float:
        """The sum."""
        return round(sum(each.dollars for each in self.lines), 2)


class NaiveEstimate(Month):
    """An estimate as it is easily made, at the price of EC2 and on too small a GPU, and what is wrong with it."""

    errors: tuple[str, ...]


WRONG_GPU = Line(what="ml.g4dn.xlarge, always on", dollars=380.16, arithmetic="0.528 x 720 h")
ERRORS = (
    "0.528 is near the price of EC2, 0.526, and not of SageMaker: ml.g4dn.xlarge is 0.7364, x 730 h = 537.57",
    "its T4 has 16 GiB: the 8B model's weights alone take 14.96 of the 13.6 that can be filled",
    "one endpoint is counted, and two are needed: a language model and an embedding model",
    "months of 720 h and of 730 h are mixed",
    "the licence of the NIM counts as 0.00",
)
NAIVE = (
    NaiveEstimate(
        name="SageMaker, naive estimate",
        lines=(
            WRONG_GPU,
            Line(what="model storage", dollars=2.30, arithmetic="100 GB x 0.023"),
            Line(what="data processing", dollars=10.00),
        ),
        errors=ERRORS,
    ),
    NaiveEstimate(
        name="EKS, naive estimate",
        lines=(
            Line(what="control plane", dollars=72.00, arithmetic="0.10 x 720 h"),
            Line(what="2 x m5.large", dollars=140.16, arithmetic="2 x 0.096 x 730 h"),
            Line(what="g4dn.xlarge, always on", dollars=380.16, arithmetic="0.528 x 720 h"),
            Line(what="EBS", dollars=8.00, arithmetic="100 GB gp3 x 0.08"),
            Line(what="load balancer", dollars=16.20),
            Line(what="NAT gateway", dollars=32.40),
            Line(what="ECR", dollars=1.00),
            Line(what="data transfer", dollars=5.00),
            Line(what="licence of the NIM", dollars=0.00),
        ),
        errors=(
            "g4dn.xlarge is 0.526: x 720 h = 378.72, x 730 h = 383.98",
            *ERRORS[1:],
        ),
    ),
)


PLACES = {"nemotron-nano-8b": "g6e.xlarge", "nv-embedqa-1b": "g5.xlarge"}
"""On which instance each of the two models is, in the corrected scenarios."""
EC2_PRICES = {"g6e.xlarge": 1.861, "g5.xlarge": 1.006}
"""US dollars an hour on demand in us-east-1; snapshots of 2025, no day known."""
NOT_HOURLY = frozenset({"model storage", "data processing", "EBS", "ECR", "data transfer"})


class Rate(Value):
    """What an hour costs: each of the instances, and the licence that each of them needs."""

    instance_type: str
    instances: int = Field(ge=1)
    price: Price
    licence_per_hour: float = Field(ge=0)

    @property
    def per_hour(self) -> float:
        """Dollars for an hour of all instances."""
        return self.instances * (self.price.price_per_hour + self.licence_per_hour)


class Load(Value):
    """What a month brings.

    Attributes:
        alarms: how many alarms.
        incidents_per_alarm: how many incidents, and so questions, an alarm makes.
        waking_seconds: from the question that wakes an endpoint to its first answer.
        idling_seconds: from the last question until no instance is paid any more.
        office_hours: how many hours a working day has.
    """

    alarms: float = Field(gt=0)
    incidents_per_alarm: float = Field(gt=0, le=1)
    waking_seconds: float = Field(ge=0)
    idling_seconds: float = Field(ge=0)
    office_hours: float = Field(gt=0, le=24)

    @property
    def incidents(self) -> float:
        """Incidents in a month."""
        return self.alarms * self.incidents_per_alarm


class Cost(Value):
    """A month by one way of running an endpoint.

    Attributes:
        hours: how long it is paid for.
        cold: how many incidents find no instance, and are decided without the model or wait.
        arithmetic: how the hours and dollars came about.
    """

    way: str
    hours: float
    dollars: float
    per_1000_alarms: float
    cold: float
    arithmetic: str


def costs(rate: Rate, load: Load) -> tuple[Cost, ...]:
    """Return a month by each way: always on, in office hours, and scaled to zero when idle."""
    return (_always(rate, load), _office(rate, load), _to_zero(rate, load))


def _always(rate: Rate, load: Load) -> Cost:
    return _cost("always on", rate, load, hours=MONTH_HOURS, cold=0.0, why=f"{MONTH_HOURS:.0f} h")


def _office(rate: Rate, load: Load) -> Cost:
    """Each working day begins with the start of the endpoint; incidents of nights and weekends find none."""
    start = load.waking_seconds / 3600
    hours = min(OFFICE_DAYS * (load.office_hours + start), MONTH_HOURS)
    cold = load.incidents * (1 - OFFICE_DAYS * load.office_hours / MONTH_HOURS)
    why = f"{OFFICE_DAYS:.2f} days x ({load.office_hours:g} h + {start:.2f} h to start) = {hours:.1f} h"
    return _cost("office hours", rate, load, hours=hours, cold=cold, why=why)


def _to_zero(rate: Rate, load: Load) -> Cost:
    """Incidents come as a Poisson process, and each keeps the endpoint up for the time to wake and the idle tail.

    It is down where none came for that long, which has the probability exp(-rate x time); just as probably the next
    incident finds it down. Alarms that come in storms keep it up less, and find it down less often.
    """
    kept = (load.waking_seconds + load.idling_seconds) / 3600
    down = math.exp(-load.incidents / MONTH_HOURS * kept)
    hours = MONTH_HOURS * (1 - down)
    each = f"{load.incidents:g} incidents, each keeps it up for {kept * 60:.1f} min"
    why = f"{each}: {MONTH_HOURS:.0f} h x (1 - exp(-{load.incidents / MONTH_HOURS * kept:.3f})) = {hours:.1f} h"
    return _cost("to zero", rate, load, hours=hours, cold=load.incidents * down, why=why)


def _cost(way: str, rate: Rate, load: Load, *, hours: float, cold: float, why: str) -> Cost:
    dollars = hours * rate.per_hour
    each = f"({rate.price.price_per_hour:g} + {rate.licence_per_hour:g} licence)"
    return Cost(
        way=way,
        hours=hours,
        dollars=dollars,
        per_1000_alarms=dollars / load.alarms * 1000,
        cold=cold,
        arithmetic=f"{why}; x {rate.instances} x {each} = {dollars:,.2f}",
    )


def corrected_months() -> tuple[Month, Month]:
    """Return both naive estimates without their errors: SageMaker, then EKS.

    Each has both models, on GPUs that hold them and with their licences, for 730 hours. Items without an hourly price
    are as estimated.
    """
    hosted = [_hosted(name, instance(f"ml.{kind}").price.price_per_hour, f"ml.{kind}") for name, kind in PLACES.items()]
    own = [_hosted(name, EC2_PRICES[kind], kind) for name, kind in PLACES.items()]
    shared = (
        _hourly("control plane", 0.10),
        _hourly("2 x m5.large", 2 * 0.096),
        _hourly("load balancer", 0.0225),
        _hourly("NAT gateway", 0.045),
    )
    sagemaker, eks = NAIVE
    return (
        Month(name="SageMaker, corrected", lines=(*hosted, *_unchanged(sagemaker))),
        Month(name="EKS, corrected", lines=(*shared, *own, *_unchanged(eks))),
    )


def _hosted(model_name: str, price: float, kind: str) -> Line:
    licence = model(model_name).licence_per_hour
    return Line(
        what=f"{model_name} on {kind}",
        dollars=round((price + licence) * MONTH_HOURS, 2),
        arithmetic=f"({price:g} + {licence:g} licence) x {MONTH_HOURS:.0f} h",
    )


def _hourly(what: str, price: float) -> Line:
    return Line(what=what, dollars=round(price * MONTH_HOURS, 2), arithmetic=f"{price:g} x {MONTH_HOURS:.0f} h")


def _unchanged(estimate: NaiveEstimate) -> tuple[Line, ...]:
    return tuple(each for each in estimate.lines if each.what in NOT_HOURLY)


def corrected(card: ModelCard) -> tuple[Line, ...]:
    """Return a month always on, with the licence, on one of each instance type that holds the model; cheapest first."""
    rates = [
        Rate(instance_type=each.type, instances=1, price=each.price, licence_per_hour=card.licence_per_hour)
        for each in instances()
        if fit(card, each, gpus=each.gpus, context_tokens=min(USEFUL_TOKENS, card.longest_context_tokens)).fits
    ]
    lines = [
        Line(
            what=each.instance_type,
            dollars=round(each.per_hour * MONTH_HOURS, 2),
            arithmetic=f"({each.price.price_per_hour:g} + {each.licence_per_hour:g}) x {MONTH_HOURS:.0f} h",
        )
        for each in rates
    ]
    return tuple(sorted(lines, key=lambda line: line.dollars))


def naive_errors(estimates: Sequence[NaiveEstimate] = NAIVE) -> list[str]:
    """Return what is wrong with the naive estimates, each error once."""
    return list(dict.fromkeys(error for each in estimates for error in each.errors))
