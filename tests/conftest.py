"""Fixtures that several tests share."""

from __future__ import annotations

import os
import signal
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

from locum.store import CallStore, Database, open_database
from tests.databases import NoServerError, new_database, run_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gateways import Upstream

# No test looks for a model on a network, or finds one that this machine happens to keep.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_CACHE"] = str(Path(tempfile.gettempdir()) / "locum-tests-have-no-models")
_DATABASES = count()

# What a shell puts behind ignores interrupts, and so would what the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A change is judged by the same examples each time; `--hypothesis-profile drawn` draws others. No
# example is timed: machines are busy.
settings.register_profile("drawn", deadline=None)
settings.register_profile("repeated", settings.get_profile("drawn"), derandomize=True)
settings.load_profile("repeated")


@pytest.fixture
def generator() -> np.random.Generator:
    """A seeded source of random numbers."""
    return np.random.default_rng(20_261_124)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server that lives as long as the tests."""
    try:
        with run_postgres() as url:
            yield url
    except NoServerError as error:
        pytest.skip(f"no PostgreSQL server can be had: {error}")


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """URL of an empty database."""
    return new_database(postgres_server, f"test_{next(_DATABASES)}")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """A server of the teacher whose students stand in behind gateways."""
    from tests.gateways import upstream_server
    from tests.promoted_teacher import Teacher

    with upstream_server(Teacher()) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store can be opened, once in each dialect."""
    if request.param == "sqlite":
        return str(tmp_path / "store.sqlite")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database(place: str) -> Iterator[Database]:
    """An empty store in each dialect."""
    with open_database(place) as opened:
        yield opened


@pytest.fixture
def store(database: Database) -> CallStore:
    """The calls of that store."""
    return CallStore(database)


@pytest.fixture
def odd_path(tmp_path: Path) -> Path:
    """Where a SQLite store can be; file patterns and SQL would take its name for their own."""
    folder = tmp_path / "it's [1] *"
    folder.mkdir()
    return folder / "calls.sqlite"
