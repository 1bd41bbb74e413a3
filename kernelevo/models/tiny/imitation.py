"""The loss of training on recorded states: how far the network's choice is from that of who knows what they led to."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from kernelevo.models.tiny.training_data import State


def loss_of(log_probabilities: Tensor, states: Sequence[State], temperature: float) -> Tensor:
    """The mean cross-entropy of targets and network [n, o], over the options that were tried."""
    most = log_probabilities.shape[1]
    gains = torch.full((len(states), most), -math.inf)
    for row, state in enumerate(states):
        known = [-math.inf if gain is None else gain for gain in state.gains]
        gains[row, : len(known)] = torch.tensor(known)
    tried = gains > -math.inf
    target = torch.softmax(gains / temperature, dim=-1)
    told = torch.log_softmax(log_probabilities.masked_fill(~tried, -1e9), dim=-1)
    return -(target * told.masked_fill(~tried, 0.0)).sum(-1).mean()
