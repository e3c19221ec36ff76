from collections.abc import AsyncIterator

import pytest
from deploying import HANDS, DeployAccount, deploy_account


@pytest.fixture(params=HANDS)
def hands(request: pytest.FixtureRequest) -> str:
    """What changes endpoints: a stand-in for the SageMaker SDK, and the SDK itself where it is installed."""
    return str(request.param)


@pytest.fixture
async def account(hands: str) -> AsyncIterator[DeployAccount]:
    """An account with a quota of four GPU instances."""
    async with deploy_account(hands) as made:
        yield made
