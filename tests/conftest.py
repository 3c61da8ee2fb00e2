"""Fixtures that several tests share."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def generator() -> np.random.Generator:
    """A seeded source of random numbers."""
    return np.random.default_rng(20_261_124)
