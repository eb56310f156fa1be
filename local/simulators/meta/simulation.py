"""The parts of one running simulator, joined."""

from dataclasses import dataclass, field

from local.simulators.durable import DurableState
from local.simulators.faults import FaultBoard
from local.simulators.meta.courier import Courier
from local.simulators.meta.deliveries import WebhookEvent
from local.simulators.meta.faults import MetaFaults
from local.simulators.meta.outbox import cut_deliveries, publish
from local.simulators.meta.pace import Pace
from local.simulators.meta.world import World

CONVERSATION_CALLS_PER_SECOND = 2  # of one account (Meta's page "Instagram Platform Overview")


@dataclass(frozen=True)
class Simulation:
    """What the routes work on."""

    state: DurableState[World]
    faults: FaultBoard[MetaFaults]
    courier: Courier
    human_agent_approved: bool
    conversation_pace: Pace = field(default_factory=lambda: Pace(CONVERSATION_CALLS_PER_SECOND))

    def publish(self, world: World, event: WebhookEvent) -> list[str]:
        """Have `event` delivered soon; call it within the change that the event tells of."""
        with self.faults.open() as faults:
            made = publish(world, faults, event)
        self.courier.notice()
        return made

    def follow_faults(self) -> None:
        """Let go of collected events that the faults, just changed, no longer hold back."""
        with self.state.change() as world, self.faults.open() as faults:
            cut_deliveries(world, faults)
        self.courier.notice()
