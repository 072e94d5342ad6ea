"""Summaries of values that can be merged: moments, distinct values, frequent values.

All take a whole numpy array at a time and have a size that does not grow with the data. Quantiles
are a KLL sketch of Apache DataSketches, see `scorecast.worker.column_profile`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_HASHES = 512
_VALUES = 256


@dataclass(slots=True)
class Moments:
    """Mean and variance, by the pairwise update of Chan, Golub and LeVeque (1979).

    Attributes:
        n: Numbers seen.
        mean: Their mean.
        m2: Sum of their squared distances from it.
    """

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0

    def add(self, values: np.ndarray[Any, Any]) -> None:
        """Take in finite numbers."""
        if len(values):
            # Numbers near the largest double overflow: that is no mean, and no reason to warn.
            with np.errstate(over="ignore", invalid="ignore"):
                mean = float(values.mean(dtype=np.float64))
                m2 = float(np.square(values - mean).sum())
            self.merge(Moments(len(values), mean, m2))

    def merge(self, other: Moments) -> None:
        """Take in what another has seen."""
        n = self.n + other.n
        if n:
            apart = other.mean - self.mean
            self.mean += apart * (other.n / n)
            self.m2 += other.m2 + apart * apart * (self.n * other.n / n)
            self.n = n

    @property
    def std(self) -> float | None:
        """Standard deviation of a sample (divided by n - 1)."""
        if self.n < 2:  # noqa: PLR2004 - one number has no deviation
            return None
        return finite(math.sqrt(self.m2 / (self.n - 1)) if self.m2 >= 0 else math.nan)


def finite(number: float) -> float | None:
    """Give a number that JSON can hold, or None."""
    return number if math.isfinite(number) else None


@dataclass(slots=True)
class Distinct:
    """How many different values there are: exact up to 512, then within about 4 %, or not told.

    Keeps the smallest hashes ("k minimum values", Bar-Yossef et al. 2002). The libraries that have
    such a sketch take one value at a time from Python.

    Attributes:
        hashes: The smallest hashes, sorted; empty after giving up.
        ends: Whether it gives up beyond 512 values.
        many: Whether it has given up.
    """

    hashes: np.ndarray[Any, Any] = field(default_factory=lambda: np.empty(0, np.uint64))
    ends: bool = False
    many: bool = False

    def has_room(self, different: int) -> bool:
        """Tell whether so many different values need to be hashed at all; gives up otherwise."""
        if self.ends and different > _HASHES:
            self._give_up()
        return not self.many

    def add(self, hashes: np.ndarray[Any, Any]) -> None:
        """Take in hashes of different values, `hashed` or of equal quality."""
        if self.many:
            return
        if len(self.hashes) == _HASHES and not self.ends:
            hashes = hashes[hashes < self.hashes[-1]]
        if len(hashes) > _HASHES + 1:
            hashes = np.partition(hashes, _HASHES)[: _HASHES + 1]
        if len(hashes):
            merged = np.sort(np.concatenate([self.hashes, hashes]))
            different = merged[np.r_[True, merged[1:] != merged[:-1]]]
            self.hashes = different[:_HASHES]
            if self.ends and len(different) > _HASHES:
                self._give_up()

    def merge(self, other: Distinct) -> None:
        """Take in what another has seen."""
        if other.many:
            self._give_up()
        self.add(other.hashes)

    @property
    def estimate(self) -> int | None:
        """Number of different values; None after giving up."""
        if self.many:
            return None
        if self.ends or len(self.hashes) < _HASHES:
            return len(self.hashes)
        return round((_HASHES - 1) / (float(self.hashes[-1]) / 2.0**64))

    def _give_up(self) -> None:
        self.hashes, self.many = self.hashes[:0], True


def hashed(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Give a hash of each number of 8 bytes (the last steps of SplitMix64)."""
    bits = values.view(np.uint64)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray[Any, Any] = bits ^ (bits >> np.uint64(31))
    return mixed


@dataclass(slots=True)
class Frequent:
    """How often values occur: exact up to 256 different ones, then the frequent ones.

    Counts are then too small by at most 1/257 of all values (the summary of Misra and Gries, merged
    as in Agarwal et al., "Mergeable summaries", 2012).

    Attributes:
        counts: Value -> how often it occurs.
    """

    counts: dict[Any, int] = field(default_factory=dict)

    def add(self, values: np.ndarray[Any, Any], counts: np.ndarray[Any, Any]) -> None:
        """Take in different values and how often each occurs."""
        if len(values) > _VALUES:
            least = np.partition(counts, -(_VALUES + 1))[-(_VALUES + 1)]
            stay = counts > least
            values, counts = values[stay], counts[stay] - least
        self.merge(Frequent(dict(zip(values.tolist(), counts.tolist(), strict=True))))

    def merge(self, other: Frequent) -> None:
        """Take in what another has counted."""
        for value, count in other.counts.items():
            self.counts[value] = self.counts.get(value, 0) + count
        if len(self.counts) > _VALUES:
            least = sorted(self.counts.values())[-(_VALUES + 1)]
            self.counts = {v: count - least for v, count in self.counts.items() if count > least}

    def most(self, at_least: float, number: int) -> list[tuple[Any, int]]:
        """Give the values that occur so often, the most frequent first, at most so many."""
        found = [pair for pair in self.counts.items() if pair[1] >= at_least]
        return sorted(found, key=lambda pair: (-pair[1], str(pair[0])))[:number]
