"""A stand-in for Google's Live API that is a real server on a real port.

It speaks `BidiGenerateContent` as the Developer API and as Vertex AI, and issues OAuth
tokens for its own service accounts. It shares no code with the client in `live`, so
that a misreading of the protocol shows instead of cancelling out.
"""

from live.simulator.faults import SCENARIOS
from live.simulator.scenario import Script
from live.simulator.server import Simulator
from live.simulator.talk import Pace

__all__ = ["SCENARIOS", "Pace", "Script", "Simulator"]
