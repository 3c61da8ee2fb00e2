"""From log files to calls in the store."""

from __future__ import annotations

import time as clock
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import replace
from hashlib import sha256
from itertools import chain, groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from locum.errors import InputError
from locum.rows import BadRowError, SkippedRows
from locum.schema import CallMarks, MarkedCall
from locum.traffic.imports.detecting import format_of, read_head
from locum.traffic.imports.formats import find_format
from locum.traffic.imports.items import BatchAnswer, BatchRequest, Unusable
from locum.traffic.imports.joining import BatchJoin, Occurrences
from locum.traffic.imports.records import read_records
from locum.traffic.imports.report import ImportedFile, ImportReport
from locum.traffic.imports.sources import open_source
from locum.traffic.imports.values import moment
from locum.traffic.make_call import content_id, has_id, keep_call, keep_marks, make_call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from locum.schema import Call, Endpoint, KeptSoftLabel, OwnPrice
    from locum.store import Naming
    from locum.traffic.imports.items import Item, LogFormat, LoggedCall
    from locum.traffic.imports.joining import Joined
    from locum.traffic.imports.records import Record
    from locum.traffic.imports.sources import Source
    from locum.traffic.make_call import RedactsValues

__all__ = ["TakesCalls", "import_calls"]

# The end of 1999 in seconds since 1970: no language model was called before.
_EARLIEST = 946_684_800.0
_SECONDS_A_DAY = 86_400.0
_GROUP_CALLS = 1000
_GROUP_BYTES = 16_000_000
_ID_DIGITS = 32


class TakesCalls(Protocol):
    """Where calls are stored."""

    def add(self, calls: Sequence[Call]) -> int:
        """Store calls at once; return how many of them were not there before."""

    def note_deferred(self, links: Sequence[tuple[str, str]]) -> None:
        """Note tasks, each with the id of a call that a student of it left to its teacher."""

    def name(self, calls: Sequence[Call], task: str) -> Naming:
        """Name the task of calls that have none; others keep theirs."""

    def note_untimed(self, calls: Sequence[Call]) -> None:
        """Note calls whose time was made up, as nothing tells when they were sent."""

    def note_soft_labels(self, bought: Mapping[str, KeptSoftLabel]) -> None:
        """Note what another store had bought for calls, by the id of the call."""


def import_calls(
    paths: Sequence[Path],
    store: TakesCalls,
    redactor: RedactsValues,
    *,
    format: str | None = None,  # noqa: A002 - as the option is called
    task: str | None = None,
    strict: bool = False,
    prices: Mapping[str, OwnPrice] = MappingProxyType({}),
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Store the calls of log files; those that the store has already are left as they are.

    A call that its log names by an id is the same call wherever it is found again; of lines of an
    application's own, whose id may name a request or a talk of several calls, where the redacted
    content is the same too. Others are named by that content, their time, and how often the same
    was in the file before: two equal rows are two calls, and the same file brings nothing new a
    second time, unless what is redacted was changed in between.

    A call that a store exported keeps its name and all that was known of it. One that is known
    without a task gets the one that is named here.

    A call whose log tells no time has the one at which its file was last written, and is noted as
    one whose time is not known.

    Args:
        paths: Files of the formats in `FORMATS`; ``-`` is the standard input. The two files of a
            batch must be imported together, in any order.
        store: Where the calls go, in groups of about 1,000.
        redactor: Takes out what must not reach the disk.
        format: The name of the files' format; each file's own is found by its first records.
        task: The task that the calls belong to; known ones that have another keep it.
        strict: Stop at the first record that cannot be used.
        prices: One's own prices, by model, of calls whose log tells no cost; for other models the
            public list's hold.
        progress: Is told how many records were read so far, after each group.

    Raises:
        InputError: A file cannot be read, its format is not known, or with ``strict`` a record
            cannot be used. What came before it is stored, and the message says how much.
        UsageError: There is no such format.
    """
    chosen = None if format is None else find_format(format)
    with closing(BatchJoin()) as join:
        importer = _Importer(
            store, redactor, join, task, strict=strict, prices=prices, progress=progress
        )
        for path in paths:
            importer.import_file(path, chosen)
        files = importer.end()
        unanswered, unasked = join.waiting()
    return ImportReport(files, unanswered, unasked)


class _Importer:
    def __init__(
        self,
        store: TakesCalls,
        redactor: RedactsValues,
        join: BatchJoin,
        task: str | None,
        *,
        strict: bool,
        prices: Mapping[str, OwnPrice],
        progress: Callable[[int], None] | None,
    ) -> None:
        self._store = store
        self._redactor = redactor
        self._join = join
        self._task = task
        self._strict = strict
        self._prices = prices
        self._progress = progress or (lambda _: None)
        self._read = 0
        self._files: list[_File] = []
        self._occurrences: Occurrences

    def import_file(self, path: Path, chosen: LogFormat | None) -> None:
        """Store the calls of a file, and hold halves of calls until all files are read."""
        with open_source(path) as source, self._counting():
            found = read_records(source)
            head = read_head(found.records)
            log_format = (chosen or format_of(source.name, head)) if head else None
            file = _File(source, found.place, len(self._files), log_format)
            self._files.append(file)
            self._take(file, chain(head, found.records))

    def end(self) -> tuple[ImportedFile, ...]:
        """Store the calls whose halves stand in several files; return what all files held."""
        for place, joined in groupby(self._join.calls(), key=lambda joined: joined.file):
            with self._counting():
                self._take_joined(self._files[place], joined)
        return tuple(file.report() for file in self._files)

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Count anew how often a file holds the same."""
        with closing(Occurrences()) as self._occurrences:
            yield

    def _take_joined(self, file: _File, halves: Iterable[Joined]) -> None:
        for half in halves:
            if half.call is None:
                self._skip(file, half.place, half.problem)
            else:
                self._take_logged(file, half.call, half.size)
            self._flush_full(file)
        self._flush(file)

    def _take(self, file: _File, records: Iterable[Record]) -> None:
        for record in records:
            self._read += 1
            try:
                for item in file.items(record):
                    self._take_item(file, item, record)
            except BadRowError as error:
                self._skip(file, record.place, str(error))
            self._flush_full(file)
        self._flush(file)

    def _take_item(self, file: _File, item: Item, record: Record) -> None:
        if isinstance(item, Unusable):
            self._skip(file, record.place, item.reason)
        elif isinstance(item, (BatchRequest, BatchAnswer)):
            self._join.add(file.format, item, file.number, record.place)
        elif isinstance(item, MarkedCall):
            call = keep_call(item.call, self._redactor, self._task)
            file.note_marks(call, keep_marks(item.marks, self._redactor))
            file.add(call, record.size)
        else:
            self._take_logged(file, item, record.size)

    def _take_logged(self, file: _File, logged: LoggedCall, size: int) -> None:
        if logged.endpoint is None:
            file.other += 1
        else:
            file.add(self._to_call(file, logged, logged.endpoint), size)

    def _to_call(self, file: _File, logged: LoggedCall, endpoint: Endpoint) -> Call:
        told = _time_of(logged)
        call = make_call(
            source=file.format,
            endpoint=endpoint,
            request=logged.request,
            response=logged.response,
            time=file.changed if told is None else told,
            redactor=self._redactor,
            id=logged.id,
            outcome=logged.outcome,
            status=logged.status,
            application=logged.application,
            upstream=logged.upstream,
            streamed=logged.streamed,
            latency_ms=logged.latency_ms,
            first_byte_ms=logged.first_byte_ms,
            task=self._task,
            cost_usd=logged.cost_usd,
            prices=self._prices,
        )
        if not has_id(logged.id, call.response):
            call = call._replace(facts=replace(call.facts, id=self._name_of(call, logged)))
        file.note_marks(call, CallMarks(untimed=told is None))
        return call

    def _name_of(self, call: Call, logged: LoggedCall) -> str:
        """Name a call by its content, and by the id that it shares with others or by its time."""
        if logged.shared_id is not None:
            return content_id(call.request, call.response, logged.shared_id)
        content = content_id(call.request, call.response, logged.time)
        times = self._occurrences.count(content)
        return sha256(f"{content} {times}".encode()).hexdigest()[:_ID_DIGITS]

    def _skip(self, file: _File, place: int, reason: str) -> None:
        file.skipped.add(reason, place)
        if self._strict:
            self._flush(file)
            raise InputError(
                f"{file.name}, {file.skipped.place} {place}: {reason}; {file.added:,} new "
                "calls before it are stored: mend or remove it, or leave --strict out"
            )

    def _flush_full(self, file: _File) -> None:
        if len(file.group) >= _GROUP_CALLS or file.group_bytes >= _GROUP_BYTES:
            self._flush(file)

    def _flush(self, file: _File) -> None:
        if file.group:
            self._store.note_deferred(file.deferred_of_group)
            self._store.note_untimed(file.untimed_of_group)
            self._store.note_soft_labels(file.soft_labels_of_group)
            added = self._store.add(file.group)
            file.added += added
            file.known += len(file.group) - added
            if self._task is not None and added < len(file.group):
                file.note_naming(self._store.name(file.group, self._task))
            file.group = []
            file.deferred_of_group = []
            file.untimed_of_group = []
            file.soft_labels_of_group = {}
            file.group_bytes = 0
        self._progress(self._read)


class _File:
    """A file while it is imported."""

    def __init__(
        self, source: Source, place: str, number: int, log_format: LogFormat | None
    ) -> None:
        self.name = source.name
        self.number = number
        self.format = log_format.name if log_format else ""
        self._log_format = log_format
        self.skipped = SkippedRows(place=place)
        self.group: list[Call] = []
        self.deferred_of_group: list[tuple[str, str]] = []
        self.untimed_of_group: list[Call] = []
        self.soft_labels_of_group: dict[str, KeptSoftLabel] = {}
        self.group_bytes = 0
        self.read = self.added = self.known = self.untimed = self.other = 0
        self.named = self.archived = 0
        self.named_otherwise = Counter[str]()
        self.changed = clock.time() if source.changed is None else source.changed

    def items(self, record: Record) -> Iterator[Item]:
        if record.problem:
            raise BadRowError(record.problem)
        self.read += 1
        none = True
        for item in self._log_format.read(record.value) if self._log_format else ():
            none = False
            yield item
        self.other += none

    def add(self, call: Call, size: int) -> None:
        self.group.append(call)
        self.group_bytes += size

    def note_marks(self, call: Call, marks: CallMarks) -> None:
        if marks.deferred is not None:
            self.deferred_of_group.append((marks.deferred, call.facts.id))
        if marks.untimed:
            self.untimed += 1
            self.untimed_of_group.append(call)
        if marks.soft_label is not None:
            self.soft_labels_of_group[call.facts.id] = marks.soft_label

    def note_naming(self, naming: Naming) -> None:
        self.named += naming.named
        self.named_otherwise.update(naming.otherwise)
        self.archived += naming.archived

    def report(self) -> ImportedFile:
        return ImportedFile(
            self.name,
            self.format,
            self.read,
            self.added,
            self.known,
            self.untimed,
            self.other,
            self.skipped,
            self.named,
            self.named_otherwise,
            self.archived,
        )


def _time_of(logged: LoggedCall) -> float | None:
    """Return when a call was sent; ``None`` where nothing tells it, as a clock at zero does not."""
    response = logged.response or {}
    told = (logged.time, moment(response.get("created", response.get("created_at"))))
    latest = clock.time() + _SECONDS_A_DAY
    return next((time for time in told if time is not None and _EARLIEST <= time <= latest), None)
