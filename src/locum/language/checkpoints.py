"""Checkpoints of a training, from which it goes on bit by bit.

A checkpoint is a folder of three files: the weights that learn, the optimizer's state, and where
the training is. It is written under another name and renamed when it is whole; then the one before
it is removed. Nothing in it is code.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import orjson
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_state_dict,
    set_state_dict,
)

from locum.errors import UsageError
from locum.language.history import TrainingStep

if TYPE_CHECKING:
    from pathlib import Path

    from torch.distributed.checkpoint.state_dict import OptimizerStateType
    from torch.nn import Module
    from torch.optim import Optimizer

__all__ = ["Checkpoints", "Identity", "weights_hash"]

_WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)
_FORMAT = 1
_State: TypeAlias = dict[str, dict[str, Any]]


class Identity(NamedTuple):
    """What a training is, so that it never goes on from another's checkpoint.

    Args:
        settings: See `locum.language.LanguageSettings`.
        student: A hash of the weights that it began with.
        texts: A hash of what it learns from.
        teacher: The teacher's fingerprint.
        processes: How many share it.
    """

    settings: dict[str, Any]
    student: str
    texts: str
    teacher: str
    processes: int


class Checkpoints:
    """Those of one training.

    Args:
        folder: Where they are kept; it is made when the first is saved.
        identity: Of the training.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._folder = folder
        self._identity: dict[str, Any] = orjson.loads(orjson.dumps(identity._asdict()))

    def save(
        self, module: Module, optimizer: Optimizer, history: list[TrainingStep], *, writes: bool
    ) -> None:
        """Save where a training is; every process calls, and one ``writes``."""
        weights, state = get_state_dict(module, optimizer, options=_WHOLE)
        if not writes:
            return
        whole = self._folder / f"step-{history[-1].number:08}"
        part = self._folder / "unfinished"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        tensors, numbers = _flatten(cast("_State", state["state"]))
        save_file(_once(weights), part / "weights.safetensors")
        save_file(tensors, part / "optimizer.safetensors")
        place = {
            "format": _FORMAT,
            "identity": self._identity,
            "optimizer": {"numbers": numbers, "groups": state["param_groups"]},
            "history": [list(step) for step in history],
        }
        (part / "training.json").write_bytes(orjson.dumps(place))
        _settle(part)
        shutil.rmtree(whole, ignore_errors=True)
        part.rename(whole)
        for older in self._found():
            if older != whole:
                shutil.rmtree(older)

    def load(self, module: Module, optimizer: Optimizer) -> list[TrainingStep]:
        """Load the last one; return its steps, or none where there is no checkpoint.

        Raises:
            UsageError: It is of another training, or damaged.
        """
        kept = self._found()
        if not kept:
            return []
        last = kept[-1]
        try:
            place = orjson.loads((last / "training.json").read_bytes())
            self._refuse_other(last, place["identity"])
            weights = load_file(last / "weights.safetensors")
            tensors = load_file(last / "optimizer.safetensors")
        except (OSError, KeyError, ValueError, SafetensorError) as error:
            raise UsageError(
                f"checkpoint {last} cannot be read ({error}): remove that folder to begin anew"
            ) from None
        held, _ = get_state_dict(module, optimizer, options=_WHOLE)
        numbers, groups = place["optimizer"]["numbers"], place["optimizer"]["groups"]
        found = {"state": _unflatten(tensors, numbers), "param_groups": groups}
        set_state_dict(
            module,
            optimizer,
            model_state_dict=_shared(weights, held),
            optim_state_dict=cast("OptimizerStateType", found),
            options=StateDictOptions(full_state_dict=True),
        )
        return [TrainingStep(*step) for step in place["history"]]

    def remove(self) -> None:
        """Remove all of them, and the folder if nothing else is in it."""
        for folder in (*self._found(), self._folder / "unfinished"):
            shutil.rmtree(folder, ignore_errors=True)
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _found(self) -> list[Path]:
        return sorted(self._folder.glob("step-*"))

    def _refuse_other(self, folder: Path, found: dict[str, Any]) -> None:
        mine, theirs = _plain(self._identity), _plain(found)
        unlike = sorted(name for name in mine | theirs if mine.get(name) != theirs.get(name))
        if unlike:
            shown = ", ".join(
                f"{name} {theirs.get(name)!s:.40} there and {mine.get(name)!s:.40} here"
                for name in unlike
            )
            raise UsageError(
                f"checkpoint {folder} is of another training ({shown}): take another folder, or "
                "remove that one to begin anew"
            )


def weights_hash(module: Module) -> str:
    """Return a SHA-256 of a module's weights and their names."""
    digest = hashlib.sha256()
    for name, parameter in module.named_parameters():
        digest.update(f"{name} {tuple(parameter.shape)}\n".encode())
        held = parameter.detach().cpu().contiguous().view(torch.uint8)
        digest.update(held.numpy().data)
    return digest.hexdigest()


def _plain(identity: dict[str, Any]) -> dict[str, Any]:
    """Settings one by one, beside the rest."""
    rest = {name: value for name, value in identity.items() if name != "settings"}
    return rest | dict(identity.get("settings", {}))


def _once(weights: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Leave out the second names of weights that are tied, which the file format refuses."""
    seen: set[int] = set()
    kept = {}
    for name, value in weights.items():
        if value.data_ptr() not in seen or not value.numel():
            seen.add(value.data_ptr())
            kept[name] = value.contiguous()
    return kept


def _shared(weights: dict[str, torch.Tensor], held: dict[str, Any]) -> dict[str, Any]:
    """Give tied weights their second names again."""
    by_place = {held[name].data_ptr(): value for name, value in weights.items() if name in held}
    return {name: weights.get(name, by_place.get(value.data_ptr())) for name, value in held.items()}


def _flatten(state: dict[str, dict[str, Any]]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Divide an optimizer's state into tensors and what else there is."""
    tensors, numbers = {}, {}
    for name, entries in state.items():
        for key, value in entries.items():
            place = f"{name}|{key}"
            if isinstance(value, torch.Tensor):
                tensors[place] = value.contiguous()
            else:
                numbers[place] = value
    return tensors, numbers


def _unflatten(
    tensors: dict[str, torch.Tensor], numbers: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    state: dict[str, dict[str, Any]] = {}
    for place, value in (tensors | numbers).items():
        name, key = place.rsplit("|", 1)
        state.setdefault(name, {})[key] = value
    return state


def _settle(folder: Path) -> None:
    """See that files and their names are on the disk before they are relied upon."""
    for path in (*folder.iterdir(), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
