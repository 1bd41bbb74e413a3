"""Programs that are honest, and better than the starts: what a model may write."""

from __future__ import annotations

import json
from pathlib import Path

THIN_SVD = '''\
import numpy as np
from scipy.sparse.linalg import svds


def low_rank(values, rank, seed):
    mean = values.mean(axis=0)
    start = np.random.default_rng(seed).standard_normal(min(values.shape))
    left, weights, right = svds(values - mean, k=rank, v0=start)
    return (left * weights) @ right + mean


def denoise(counts, seed):
    """Square roots of counts at rank 5, and some of each gene's mean."""
    totals = counts.sum(axis=1, keepdims=True)
    scaled = np.sqrt(counts * (1e4 / np.maximum(totals, 1)))
    smooth = np.clip(low_rank(scaled, 5, seed), 0.0, None) ** 2
    smooth *= 1e4 / smooth.sum(axis=1, keepdims=True)
    flat = counts.sum(axis=0, keepdims=True) / counts.sum() * 1e4
    return (0.7 * smooth + 0.3 * flat) * totals / 1e4
'''
FLAT = """\
def denoise(counts, seed):
    return counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
"""
CENTROIDS = '''\
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer


def classify(facts, labels, questions, charges, seed):
    """TF-IDF of one and two characters; the cosine with the mean of each charge's cases."""
    words = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True)
    told, asked = words.fit_transform(facts), words.transform(questions)
    belongs = np.zeros((len(charges), len(facts)))
    belongs[labels, np.arange(len(facts))] = 1.0
    means = belongs @ told
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    cosines = asked @ np.divide(means, lengths, out=np.zeros_like(means), where=lengths > 0).T
    powers = np.exp(20.0 * (cosines - cosines.max(axis=1, keepdims=True)))
    return powers / powers.sum(axis=1, keepdims=True)
'''
BY_PLACE = '''\
import numpy as np


def classify(facts, labels, questions, charges, seed):
    """As the told cases lie in the order of their file, so may the questions: each has the charge at its place."""
    places = (np.arange(len(questions)) + 0.5) * len(labels) / len(questions)
    return np.eye(len(charges))[labels[places.astype(int)]]
'''
BROKEN = "def denoise(counts, seed):\n    return counts / 0\n"


def reply(text: str, change: str) -> str:
    return f"Change: {change}\n```python\n{text}```\n"


def write_script(file: Path, replies: list[str]) -> Path:
    file.write_text("".join(json.dumps({"text": each}) + "\n" for each in replies), encoding="utf-8")
    return file
