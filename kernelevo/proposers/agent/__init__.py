"""The proposer that works in tool calls: what a call looks like in a reply (`calls`), what each tool says (`tools`),
one conversation as its record tells it (`conversation`), and the proposer (`proposer`).

Over any chat model: calls are text, so that no server has to know tools. It judges nothing itself: a candidate that it
wants checked is proposed to the search like any other, charged and recorded, and the conversation goes on once there is
a verdict. Nothing that a model writes is executed but kernels; these run behind the wall, and so do scripts of skills,
which people have written.
"""

from kernelevo.proposers.agent.proposer import AgentProposer

__all__ = ["AgentProposer"]
