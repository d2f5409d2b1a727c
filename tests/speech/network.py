"""The small network between a telephone's filters and the acoustic model, and its two ways of learning.

Part of ``tests.speech.adapt``. First it learns to say what wide-band cepstra would have been; then, against the
model's own Gaussians, to make the right phone the likeliest, while not straying far from the first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.speech.alignment import Gaussians

Floats = np.ndarray[Any, np.dtype[np.float32]]
Indices = np.ndarray[Any, np.dtype[np.int64]]
_BATCH = 512


class Network:
    """One hidden layer of rectified units."""

    def __init__(self, inputs: int, hidden: int, outputs: int, random: np.random.Generator) -> None:
        self.layers = [_layer(inputs, hidden, random), _layer(hidden, outputs, random)]

    def forward(self, frames: Floats) -> tuple[Floats, Floats]:
        """Return the hidden units and the outputs."""
        (weights, bias), (out_weights, out_bias) = self.layers
        hidden = np.maximum(frames @ weights + bias, 0)
        return hidden, hidden @ out_weights + out_bias

    def learn(
        self,
        frames: Floats,
        slope: Callable[[Floats, Indices], Floats],
        *,
        passes: int,
        rate: float,
        random: np.random.Generator,
        noise: float = 0.1,
    ) -> None:
        """Follow ``slope``, the gradient per output of a batch, down with Adam and a cosine schedule."""
        values = [array for layer in self.layers for array in layer]
        first, second = [np.zeros_like(array) for array in values], [np.zeros_like(array) for array in values]
        batches = len(frames) // _BATCH
        step = 0
        for _ in range(passes):
            order = random.permutation(len(frames))
            for batch in range(batches):
                chosen = order[batch * _BATCH : (batch + 1) * _BATCH]
                inputs = frames[chosen] + random.normal(size=(_BATCH, frames.shape[1])).astype("f4") * noise
                hidden, outputs = self.forward(inputs)
                down = slope(outputs, chosen) / _BATCH
                below = (down @ self.layers[1][0].T) * (hidden > 0)
                slopes = [inputs.T @ below, below.sum(axis=0), hidden.T @ down, down.sum(axis=0)]
                step += 1
                pace = rate * 0.5 * (1 + np.cos(np.pi * step / (passes * batches)))
                for value, gradient, mean, square in zip(values, slopes, first, second, strict=True):
                    mean += 0.1 * (gradient - mean)
                    square += 0.001 * (gradient * gradient - square)
                    value -= pace * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)


def _layer(inputs: int, outputs: int, random: np.random.Generator) -> tuple[Floats, Floats]:
    weights = (random.normal(size=(inputs, outputs)) * np.sqrt(2 / inputs)).astype("f4")
    return weights, np.zeros(outputs, "f4")


def towards(targets: Floats) -> Callable[[Floats, Indices], Floats]:
    """The slope of the squared distance to targets."""
    return lambda outputs, chosen: 2 * (outputs - targets[chosen]) / targets.shape[1]


class RightPhone:
    """The slope of the cross entropy of phones under the model's Gaussians, plus a pull back to wide-band targets.

    Outputs and targets are cepstra over ``gaussians.spread``; ``scale`` softens the likelihoods, ``pull`` weighs the
    targets.
    """

    def __init__(self, gaussians: Gaussians, phones: Indices, targets: Floats, *, scale: float, pull: float) -> None:
        means, precisions = gaussians.means, 1 / gaussians.variances
        self._shape = means.shape[:2]
        self._spread = gaussians.spread.astype("f4")
        self._precisions = precisions.reshape(-1, means.shape[2]).T.astype("f4")
        self._pulls = (means * precisions).reshape(-1, means.shape[2]).T.astype("f4")
        constants = -0.5 * (means**2 * precisions + np.log(gaussians.variances)).sum(axis=2)
        self._constants = constants.reshape(-1).astype("f4")
        self._phones, self._towards = phones, towards(targets)
        self._scale, self._pull = scale, pull
        self._seen = self._right = 0

    def __call__(self, outputs: Floats, chosen: Indices) -> Floats:
        cepstra = outputs * self._spread
        logs = -0.5 * ((cepstra * cepstra) @ self._precisions) + cepstra @ self._pulls + self._constants
        logs = logs.reshape(len(outputs), *self._shape)
        highest = logs.max(axis=2, keepdims=True)
        shares = np.exp(logs - highest)
        sums = shares.sum(axis=2, keepdims=True)
        phone_logs = self._scale * (highest + np.log(sums))[..., 0]
        phone_shares = np.exp(phone_logs - phone_logs.max(axis=1, keepdims=True))
        phone_shares /= phone_shares.sum(axis=1, keepdims=True)
        wanted = self._phones[chosen]
        self._seen += len(chosen)
        self._right += int((phone_shares.argmax(axis=1) == wanted).sum())
        phone_shares[np.arange(len(chosen)), wanted] -= 1
        weights = (shares / sums * phone_shares[..., None]).reshape(len(outputs), -1)
        slope = self._scale * (weights @ self._pulls.T - cepstra * (weights @ self._precisions.T)) * self._spread
        return np.asarray(slope + self._pull * self._towards(outputs, chosen), dtype=np.float32)

    @property
    def accuracy(self) -> float:
        """Share of frames so far whose likeliest phone was the right one."""
        return self._right / max(self._seen, 1)
