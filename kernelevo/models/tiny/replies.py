"""A decision as a reply of tokens (rule, site, value), and the probabilities of these.

The probability of a decision is that of the network, times e^bias, to the power 1/temperature, over the sum of the
same of all options. A token's is that of the options which begin as the reply does, given the tokens before it; the
last one also says that nothing follows. So the tokens' probabilities multiply to the decision's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kernelevo.decisions import Decision
from kernelevo.models.tiny.tokens import Encoded

COLDEST = 1e-3
"""Temperatures below it are this one: the likeliest decision is as good as certain, and nothing is divided by zero."""


def tempered(log_probabilities: Tensor, biases: Tensor, temperature: float) -> Tensor:
    """Of the options, biases and temperature included: float[n, o] of the same."""
    return torch.log_softmax((log_probabilities + biases) / max(temperature, COLDEST), dim=-1)


def token_texts(decision: Decision) -> tuple[str, ...]:
    """The texts of its tokens, 1 to 3; together they are its text."""
    site = (f"({decision.site})",) if decision.site else ()
    value = () if decision.value is None else (f" = {decision.value}",)
    return (decision.rule, *site, *value)


def token_groups(encoded: Encoded, decision: Decision) -> list[list[int]]:
    """For each token of a reply, the options that begin like it up to and with this token; the last one's are the
    decision's own.
    """
    options = [token_texts(option.decision) for option in encoded.options]
    texts = token_texts(decision)
    groups = [
        [number for number, option in enumerate(options) if option[:length] == texts[:length]]
        for length in range(1, len(texts))
    ]
    return [*groups, [options.index(texts)]]


def token_log_probabilities(of_options: Tensor, groups: list[list[int]]) -> Tensor:
    """float[t] for the reply with these token groups, from the options' float[o] of one observation."""
    ends = torch.stack([torch.logsumexp(of_options[group], dim=0) for group in groups])
    whole = torch.logsumexp(of_options, dim=0, keepdim=True)
    return ends - torch.cat([whole, ends[:-1]])
