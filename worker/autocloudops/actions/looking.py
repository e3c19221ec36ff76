"""What became of runbooks that were begun."""

from autocloudops.actions.execution import Execution, Phase
from autocloudops.actions.executions import Executions
from autocloudops.actions.recording import Recorder
from autocloudops.decisions.claims import Claim, ClaimState
from autocloudops.errors import TargetMissing


class Onlooker:
    """Moves claims to where their executions are.

    Args:
        recorder: writes their steps.
        executions: runbooks.
    """

    def __init__(self, recorder: Recorder, executions: Executions) -> None:
        self._recorder = recorder
        self._executions = executions

    async def look(self, claim: Claim) -> Claim:
        """Read what became of a claim that was begun, and return it as it stands now.

        Raises:
            ServiceFailed: the execution or the ledger cannot be read.
        """
        if claim.ending:
            return await self._recorder.end(claim)
        if claim.execution_id is None or claim.state not in {ClaimState.WAITING, ClaimState.STARTED}:
            return claim
        try:
            execution = await self._executions.read(claim.execution_id, claim.request.target)
        except TargetMissing as error:
            return await self._recorder.finish(claim, ClaimState.UNKNOWN, f"its execution cannot be found: {error}")
        return await self._note(claim, execution)

    async def _note(self, claim: Claim, execution: Execution) -> Claim:
        """Move a claim to where its execution is."""
        if claim.state is ClaimState.WAITING and execution.approved:
            moved = await self._recorder.move(claim, ClaimState.STARTED, said=claim.said or execution.approvers)
            if moved is None:
                return await self._recorder.as_it_stands(claim)
            claim = moved
        if not execution.phase.over:
            return claim
        state, said = _ending(claim, execution)
        return await self._recorder.finish(claim, state, said, execution.ended_at)


def _ending(claim: Claim, execution: Execution) -> tuple[ClaimState, str]:
    """Return the final state of a claim whose execution is over, and why: who said what of it, and how it ended.

    An execution that ended before its question was answered with yes has changed nothing: its steps stand in order.
    """
    told = f"{claim.said}; " if claim.said else ""
    if execution.phase is Phase.SUCCEEDED:
        unasked = "" if execution.approved or not claim.approval else "it ran without the approval that it needed; "
        return ClaimState.DONE, f"{told}{unasked}{execution.story}"
    if claim.approval and execution.approved is False:
        return ClaimState.DROPPED, f"{told}not approved: {execution.story}"
    return ClaimState.FAILED, f"{told}{execution.story}"
