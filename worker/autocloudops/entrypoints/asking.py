"""What asks about incidents, from settings to adapters."""

from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

from autocloudops.decisions.claims import FactReader
from autocloudops.decisions.model import Policy
from autocloudops.entrypoints.endpoint_urls import endpoint_urls
from autocloudops.entrypoints.evidence import open_gatherer
from autocloudops.entrypoints.models import open_model
from autocloudops.entrypoints.stored import State, account_of
from autocloudops.environment import read
from autocloudops.inference.reliable import Meter
from autocloudops.investigation import Bounds, Investigator
from autocloudops.settings import EvidenceSettings, ModelSettings, QueueSettings

if TYPE_CHECKING:
    from autocloudops.entrypoints.service import Opening


async def open_investigator(
    stack: AsyncExitStack,
    opening: "Opening",
    state: State,
    policy: Policy,
    facts: FactReader | None,
    meter: Meter | None,
) -> Investigator:
    """Open what asks the model and decides.

    Args:
        stack: closes it.
        opening: how the service is opened that it is for.
        state: what is kept in the state table.
        policy: what may be done.
        facts: reads what the gates need to know about a target; None where nothing is done.
        meter: hears of each request, where anything is measured.

    Raises:
        SettingsInvalid: a URL names no endpoint, or sends data or a key where the settings do not allow it.
    """
    settings, clock = read(ModelSettings), opening.clock
    endpoint = await open_model(stack, settings, clock, state.dialects, opening.share, meter)
    gatherer = await open_gatherer(stack, read(EvidenceSettings), state, account_of(read(QueueSettings).url), clock)
    within = timedelta(seconds=settings.decide_within_seconds)
    return Investigator(endpoint, policy, clock, within, bounds_of(settings, facts), gatherer)


def bounds_of(settings: ModelSettings, facts: FactReader | None = None) -> Bounds:
    """Return how far one question may go."""
    urls = endpoint_urls(settings.endpoints)
    return Bounds(
        longest=timedelta(seconds=settings.longest_seconds),
        prompt_tokens=settings.prompt_tokens,
        price_per_hour=settings.price_per_hour,
        prices={url.name: url.price_per_hour for url in urls if url.price_per_hour},
        facts=facts,
    )
