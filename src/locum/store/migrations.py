"""The tables of the store, as numbered steps that are only ever added to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.errors import InputError

if TYPE_CHECKING:
    from locum.store.database import Database, Dialect

__all__ = ["MIGRATIONS", "Migration", "migrate"]

# The "C" collation compares bytes, as SQLite does: ranges of prefixes rely on it.
_TYPES: dict[Dialect, dict[str, str]] = {
    "sqlite": {
        "text": "TEXT",
        "bytes": "BLOB",
        "integer": "INTEGER",
        "real": "REAL",
        "number": "INTEGER PRIMARY KEY",
        "without_rowid": " WITHOUT ROWID",
    },
    "postgres": {
        "text": 'TEXT COLLATE "C"',
        "bytes": "BYTEA",
        "integer": "BIGINT",
        "real": "DOUBLE PRECISION",
        "number": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "without_rowid": "",
    },
}


class Migration(NamedTuple):
    """One step from a version to the next.

    Args:
        both: Statements for both dialects, with the names of `_TYPES` in braces.
        sqlite: Statements that follow in SQLite alone.
        postgres: Statements that follow in PostgreSQL alone.
    """

    both: tuple[str, ...]
    sqlite: tuple[str, ...] = ()
    postgres: tuple[str, ...] = ()

    def statements(self, dialect: Dialect) -> list[str]:
        """Return the statements of a dialect in their order."""
        own = self.sqlite if dialect == "sqlite" else self.postgres
        return [statement.format_map(_TYPES[dialect]) for statement in (*self.both, *own)]


_ANSWERS = Migration(
    both=("CREATE TABLE answers (key {text} PRIMARY KEY, answer {bytes} NOT NULL){without_rowid}",)
)
_CALLS = Migration(
    both=(
        """CREATE TABLE calls (
            number {number},
            id {text} NOT NULL UNIQUE,
            time {real} NOT NULL,
            source {text} NOT NULL,
            endpoint {text} NOT NULL,
            outcome {text} NOT NULL,
            model {text} NOT NULL,
            fingerprint {text} NOT NULL,
            task {text},
            application {text},
            upstream {text},
            status {integer},
            streamed BOOLEAN NOT NULL,
            latency_ms {real},
            first_byte_ms {real},
            input_tokens {integer},
            output_tokens {integer},
            cost_usd {real},
            preview {text} NOT NULL
        )""",
        """CREATE TABLE bodies (
            number {integer} PRIMARY KEY,
            request {bytes} NOT NULL,
            response {bytes} NOT NULL
        )""",
        """CREATE TABLE derived (
            call_id {text} NOT NULL,
            kind {text} NOT NULL,
            key {text} NOT NULL,
            PRIMARY KEY (call_id, kind, key)
        ){without_rowid}""",
        "CREATE INDEX derived_key ON derived (kind, key)",
    ),
    sqlite=(
        "CREATE INDEX calls_time ON calls (time)",
        # Holds all that totals and filters look at, in the order in which totals are grouped.
        """CREATE INDEX calls_totals ON calls (
            fingerprint, task, model, time, outcome, source, endpoint, application,
            input_tokens, output_tokens, cost_usd
        )""",
        """CREATE TABLE archives (
            file TEXT PRIMARY KEY,
            calls INTEGER NOT NULL,
            first REAL NOT NULL,
            last REAL NOT NULL
        ) WITHOUT ROWID""",
        "CREATE TABLE archived (hash INTEGER PRIMARY KEY)",
    ),
    postgres=("CREATE INDEX calls_time ON calls (time, number)",),
)
_LEDGERS = Migration(
    both=(
        """CREATE TABLE ledgers (
            name {text} PRIMARY KEY,
            spent {integer} NOT NULL CHECK (spent >= 0),
            assumed {integer} NOT NULL CHECK (assumed >= 0),
            reserved {integer} NOT NULL CHECK (reserved >= 0),
            calls {integer} NOT NULL CHECK (calls >= 0)
        ){without_rowid}""",
        """CREATE TABLE runs (
            id {text} PRIMARY KEY,
            ledger {text} NOT NULL,
            expires {real}
        ){without_rowid}""",
        """CREATE TABLE in_flight (
            key {text} PRIMARY KEY,
            run {text} NOT NULL,
            worst {integer} NOT NULL CHECK (worst >= 0)
        ){without_rowid}""",
        """CREATE TABLE batches (
            run {text} PRIMARY KEY,
            teacher {text} NOT NULL,
            ledger {text} NOT NULL,
            remote {text},
            created {real} NOT NULL,
            keys {integer} NOT NULL
        ){without_rowid}""",
    ),
)
_PROMOTIONS = Migration(
    both=(
        """CREATE TABLE promotions (
            task {text} PRIMARY KEY,
            revision {integer} NOT NULL,
            state {text} NOT NULL,
            artefact {text} NOT NULL,
            percent {real} NOT NULL,
            shadow {real} NOT NULL,
            plan {bytes} NOT NULL,
            changed {real} NOT NULL,
            reason {text} NOT NULL
        ){without_rowid}""",
        """CREATE TABLE promotion_events (
            number {number},
            task {text} NOT NULL,
            time {real} NOT NULL,
            kind {text} NOT NULL,
            message {text} NOT NULL
        )""",
        """CREATE TABLE artefact_files (
            artefact {text} NOT NULL,
            name {text} NOT NULL,
            content {bytes} NOT NULL,
            PRIMARY KEY (artefact, name)
        )""",
        """CREATE TABLE shadows (
            number {number},
            task {text} NOT NULL,
            artefact {text} NOT NULL,
            time {real} NOT NULL,
            call_id {text},
            answered BOOLEAN NOT NULL,
            agrees BOOLEAN,
            said {text} NOT NULL,
            confidence {real} NOT NULL,
            novelty {real},
            input_hash {text} NOT NULL,
            answer_hash {text} NOT NULL,
            teacher {text} NOT NULL
        )""",
        "CREATE INDEX shadows_task ON shadows (task, artefact, number)",
        "CREATE INDEX shadows_call ON shadows (call_id)",
        """CREATE TABLE watches (
            task {text} NOT NULL,
            artefact {text} NOT NULL,
            state {text} NOT NULL,
            PRIMARY KEY (task, artefact)
        ){without_rowid}""",
        """CREATE TABLE tallies (
            task {text} NOT NULL,
            artefact {text} NOT NULL,
            hour {integer} NOT NULL,
            application {text} NOT NULL,
            route {text} NOT NULL,
            calls {integer} NOT NULL,
            PRIMARY KEY (task, artefact, hour, application, route)
        ){without_rowid}""",
        """CREATE TABLE spends (
            application {text} NOT NULL,
            day {integer} NOT NULL,
            usd {real} NOT NULL,
            PRIMARY KEY (application, day)
        ){without_rowid}""",
    ),
)
_AUDITS = Migration(
    both=(
        """CREATE TABLE audited_tasks (
            name {text} PRIMARY KEY,
            definition {text} NOT NULL,
            time {real} NOT NULL
        ){without_rowid}""",
    ),
)
# A good student has few among many sampled calls, and each look at its status shows the last.
_DISAGREEMENTS = Migration(
    both=(
        """CREATE INDEX shadows_disagreements ON shadows (task, artefact, number)
            WHERE answered AND NOT agrees""",
    ),
)
# What was counted before is priced as it was shown: at the price of the student's present plan.
_DOLLARS = Migration(
    both=("ALTER TABLE tallies ADD COLUMN usd {real}",),
    sqlite=(
        """UPDATE tallies SET usd = calls * (
            SELECT CASE WHEN json_valid(text) THEN json_extract(text, '$.call_usd') END
            FROM (SELECT task, CAST(plan AS TEXT) AS text FROM promotions) AS promoted
            WHERE promoted.task = tallies.task
        )""",
    ),
    postgres=(
        """UPDATE tallies SET usd = calls * (
            SELECT CAST(substring(text FROM '"call_usd": *([-+.0-9eE]+)') AS {real})
            FROM (SELECT task, encode(plan, 'escape') AS text FROM promotions) AS promoted
            WHERE promoted.task = tallies.task
        )""",
    ),
)
# A gateway of before that goes on reads files of one piece as it did.
_PIECES = Migration(
    both=(
        """CREATE TABLE artefact_pieces (
            artefact {text} NOT NULL,
            name {text} NOT NULL,
            part {integer} NOT NULL,
            content {bytes} NOT NULL,
            PRIMARY KEY (artefact, name, part)
        )""",
        """INSERT INTO artefact_pieces (artefact, name, part, content)
            SELECT artefact, name, 0, content FROM artefact_files""",
        "DROP TABLE artefact_files",
        "ALTER TABLE artefact_pieces RENAME TO artefact_files",
    ),
)
# An answer is not kept where the calls that it stems from are deleted while it is on its way.
_OF_CALLS = Migration(
    both=("ALTER TABLE in_flight ADD COLUMN of_calls BOOLEAN NOT NULL DEFAULT FALSE",),
)
# What lies in the folder may be of another store, whose file was at this place before.
_ARCHIVE_WRITES = Migration(
    both=(),
    sqlite=(
        "CREATE TABLE archive_writes (file TEXT PRIMARY KEY) WITHOUT ROWID",
        "INSERT INTO archive_writes SELECT file FROM archives",
    ),
)
# A watch goes on with what it had learned of calls that were deleted since.
_MEMORIES = Migration(both=("ALTER TABLE watches ADD COLUMN memory {text}",))
# Of students that were made long ago it is let go of which calls they learned from.
_STUDENTS = Migration(
    both=(
        """CREATE TABLE students (
            artefact {text} PRIMARY KEY,
            task {text} NOT NULL,
            made {real} NOT NULL
        ){without_rowid}""",
    ),
)
# A run that read a call keeps nothing of it, also where it is deleted before the run says so.
_DELETED_CALLS = Migration(
    both=(
        """CREATE TABLE deleted_calls (
            hash {integer} PRIMARY KEY,
            time {integer} NOT NULL
        )""",
    ),
)
MIGRATIONS: tuple[Migration, ...] = (
    *(_ANSWERS, _CALLS, _LEDGERS, _PROMOTIONS, _AUDITS),
    *(_DISAGREEMENTS, _DOLLARS, _PIECES, _OF_CALLS, _ARCHIVE_WRITES),
    *(_MEMORIES, _STUDENTS, _DELETED_CALLS),
)
# In one statement, as another process may make the tables at this moment.
_DUMPED = (
    "SELECT 1 FROM pragma_user_version, sqlite_master WHERE user_version = 0 AND name = 'answers'"
)


def migrate(database: Database) -> None:
    """Bring a store to this version, one transaction a step.

    Raises:
        InputError: The store was written by a later Locum, or made from a dump, or a step fails;
            the steps before it stay, and it leaves nothing.
    """
    version = database.version()
    if version == 0 and database.dialect == "sqlite" and database.execute(_DUMPED):
        raise InputError(
            f"the store {database.name} was made from a dump, which leaves out its version: say "
            f"by sqlite3 {database.name} 'PRAGMA user_version = N; PRAGMA auto_vacuum = FULL; "
            f"VACUUM' which it has, N being what PRAGMA user_version says of the store that was "
            f"dumped, {len(MIGRATIONS)} where this Locum wrote it last"
        )
    if version > len(MIGRATIONS):
        raise InputError(
            f"{database.name} has version {version} and this Locum knows {len(MIGRATIONS)}: "
            "upgrade Locum"
        )
    for number in range(version, len(MIGRATIONS)):
        with database.transaction():
            database.lock_schema()
            if database.version() == number:
                for statement in MIGRATIONS[number].statements(database.dialect):
                    database.execute(statement)
                database.set_version(number + 1)
