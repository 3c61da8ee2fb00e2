"""The options that say who is asked for labels, and for how much."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from locum.config import Settings, TeacherSettings
    from locum.store import Database
    from locum.teachers import Budget, Teacher

__all__ = [
    "Api",
    "Batch",
    "BudgetUsd",
    "ChosenTeacher",
    "Concurrency",
    "ModelVersion",
    "Parameters",
    "PricedAs",
    "TeacherFlags",
    "TeacherModel",
    "Teachers",
    "TopLogprobs",
    "VotesRange",
    "choose_teacher",
    "make_budget",
    "make_teacher",
    "require_model",
]

Teachers = Annotated[
    list[str] | None,
    typer.Option(
        "--teacher",
        help="URL of an API, a teacher of locum.toml, local:MODEL, file:PATH or "
        "function:MODULE:NAME; several are a panel.",
    ),
]
TeacherModel = Annotated[str | None, typer.Option("--model", help="The teacher's model.")]
Api = Annotated[str | None, typer.Option("--api", help="openai or anthropic; else by the URL.")]
Batch = Annotated[
    bool, typer.Option("--batch", help="Use OpenAI's Batch API: half the price, within a day.")
]
VotesRange = Annotated[
    str | None,
    typer.Option(
        "--votes",
        help="How often to ask the same, such as 3-8; for APIs without log-probabilities.",
    ),
]
TopLogprobs = Annotated[
    int | None,
    typer.Option(help="Alternatives asked for at each token, 0 to 20; 0 asks for none."),
]
ModelVersion = Annotated[
    str | None,
    typer.Option(
        help="What the model's name stands for; labels of another are bought anew, those of "
        "recorded calls by locum label --anew."
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter", help="NAME=JSON that each request says besides; none takes one out."
    ),
]
Concurrency = Annotated[
    int | None, typer.Option(help="Calls at once at most; how many follows the answers.")
]
BudgetUsd = Annotated[
    float | None,
    typer.Option("--budget", min=0, help="US dollars for this task's labels, earlier runs too."),
]
PricedAs = Annotated[str | None, typer.Option(help="Model whose price a teacher without one gets.")]

_URLS = ("http://", "https://")
_PREFIXES = {"local:": "local", "file:": "file", "function:": "function"}


class TeacherFlags(NamedTuple):
    """What the command line says of the teacher; ``None`` where it says nothing."""

    teachers: Sequence[str] = ()
    model: str | None = None
    api: str | None = None
    batch: bool = False
    votes: str | None = None
    top_logprobs: int | None = None
    model_version: str | None = None
    parameter: Sequence[str] = ()
    concurrency: int | None = None

    def as_options(self) -> dict[str, object]:
        """Return what it says as the options of a command, by name."""
        options = self._asdict()
        return {"teacher": options.pop("teachers"), **options}


class ChosenTeacher(NamedTuple):
    """A teacher as settings describe it, with those that it may name."""

    teacher: TeacherSettings
    others: Mapping[str, TeacherSettings]


def choose_teacher(flags: TeacherFlags, settings: Settings) -> ChosenTeacher | None:
    """Return what the command line says of the teacher; ``None`` where it names none.

    Raises:
        UsageError: It cannot be read, or is said how to ask it and not whom.
    """
    from locum.config import TeacherSettings

    if not flags.teachers:
        usual = TeacherFlags(model=flags.model)
        for name, said, default in zip(flags._fields, flags, usual, strict=True):
            if said != default:
                raise UsageError(
                    f"--{name.replace('_', '-')} says how a teacher is asked, and none is named: "
                    "add --teacher, or leave it out"
                )
        return None
    chosen = [_settings_of(given, flags, settings) for given in flags.teachers]
    if any(one.function for one in (*chosen, *settings.teachers.values())):
        # Its module may lie in this folder, which an installed command does not look in.
        sys.path.append(str(Path.cwd()))
    if len(chosen) == 1:
        return ChosenTeacher(chosen[0], settings.teachers)
    members = dict(zip(flags.teachers, chosen, strict=True))
    if len(members) < len(chosen):
        raise UsageError("a panel has each teacher once: --teacher names one twice")
    return ChosenTeacher(TeacherSettings(panel=list(members)), members)


def make_teacher(
    flags: TeacherFlags,
    settings: Settings,
    database: Database | None,
    told: Callable[[str], None],
) -> Teacher | None:
    """Return the teacher that the command line asks for; ``None`` where it asks for none.

    Args:
        flags: Of the command line.
        settings: Of ``locum.toml``.
        database: The store; there is one where a teacher is named.
        told: Is told how it goes on.

    Raises:
        UsageError: It cannot be made, or is said how to ask it and not whom.
    """
    from locum.store import BatchStore
    from locum.teachers import build_teacher

    chosen = choose_teacher(flags, settings)
    if chosen is None or database is None:
        return None
    return build_teacher(chosen.teacher, chosen.others, BatchStore(database), told)


def require_model(role: str, given: str, model: str | None) -> None:
    """See that the name of its model is given of whoever is asked besides the teacher.

    Args:
        role: The flag that names it, such as ``judge``.
        given: What the flag says.
        model: What the flag of its model says.

    Raises:
        UsageError: It is a URL, and there is none.
    """
    if given.startswith(_URLS) and model is None:
        raise UsageError(f"--{role} {given!r} needs the name of its model: add --{role}-model NAME")


def make_budget(
    task: str,
    cap_usd: float | None,
    priced_as: str | None,
    settings: Settings,
    *,
    has_teacher: bool = True,
) -> Budget:
    """Return the budget of a task.

    Raises:
        UsageError: ``priced_as`` has no price, the cap is no amount, or there is nobody to be paid.
    """
    if not has_teacher and (cap_usd is not None or priced_as is not None):
        raise UsageError("--budget and --priced-as are about what --teacher costs: name one")
    if cap_usd is not None and not math.isfinite(cap_usd):
        raise UsageError(f"--budget {cap_usd}: expected an amount of US dollars, such as 5.00")
    from locum.prices import require_price
    from locum.teachers import Budget

    if priced_as is not None:
        require_price(priced_as, settings.prices)
    return Budget(
        ledger=task,
        cap_usd=cap_usd,
        prices=settings.prices,
        priced_as=priced_as,
        cap_required=True,
    )


def _settings_of(given: str, flags: TeacherFlags, settings: Settings) -> TeacherSettings:
    from pydantic import ValidationError

    from locum.config import TeacherSettings

    said = _said(flags)
    declared = settings.teachers.get(given)
    try:
        if declared is not None:
            told = declared.model_dump(exclude_unset=True)
            told_too = {"parameters": {**told.get("parameters", {}), **said.get("parameters", {})}}
            merged = told | said | (told_too if told_too["parameters"] else {})
            return TeacherSettings.model_validate(merged)
        kind = next((kind for start, kind in _PREFIXES.items() if given.startswith(start)), None)
        if kind is not None:
            return TeacherSettings.model_validate({kind: given.partition(":")[2]} | said)
        if not given.startswith(_URLS):
            raise UsageError(
                f"--teacher {given!r}: expected a URL that starts with http:// or https://, a "
                f"teacher of locum.toml ({', '.join(settings.teachers) or 'it declares none'}), "
                "local:MODEL, file:PATH or function:MODULE:NAME"
            )
        if "anthropic." in given:
            said.setdefault("api", "anthropic")
        return TeacherSettings.model_validate({"url": given} | said)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"teacher {given!r}: {where}: {first['msg']}") from None


def _said(flags: TeacherFlags) -> dict[str, Any]:
    said: dict[str, Any] = {
        "model": flags.model,
        "api": flags.api,
        "batch": flags.batch or None,
        "votes": _votes(flags.votes),
        "top_logprobs": flags.top_logprobs,
        "model_version": flags.model_version,
        "parameters": _parameters(flags.parameter),
        "concurrency": flags.concurrency,
    }
    return {name: value for name, value in said.items() if value is not None}


def _votes(given: str | None) -> list[int] | None:
    if given is None:
        return None
    found = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", given.strip())
    if found is None:
        raise UsageError(f"--votes {given!r}: expected how often, such as 5, or 3-8")
    least = int(found[1])
    return [least, int(found[2] or least)]


def _parameters(given: Sequence[str]) -> dict[str, Any] | None:
    import orjson

    parameters: dict[str, Any] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--parameter {pair!r}: expected NAME=JSON, such as seed=7")
        try:
            parameters[name] = orjson.loads(value)
        except orjson.JSONDecodeError:
            parameters[name] = value
    return parameters or None
