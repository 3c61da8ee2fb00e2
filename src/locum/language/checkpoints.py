"""Checkpoints of a training, from which it goes on bit by bit.

A checkpoint is a folder of three files: all of the weights, the optimizer's state, and where
the training is. It is written under another name and renamed when it is whole; then the one before
it is removed. Nothing in it is code.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import orjson
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
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
    from transformers import PreTrainedModel

    from locum.language.distributions import DrawnTokens, TopTokens
    from locum.language.settings import LanguageSettings

__all__ = ["Checkpoints", "Identity", "model_hash", "refuse_other_settings", "whole_weights"]

_WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)
_FORMAT = 1
_PLACES = frozenset({"_name_or_path", "transformers_version"})
_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
_SHOWN_CHARACTERS = 40
_State: TypeAlias = dict[str, dict[str, Any]]


class Identity(NamedTuple):
    """What a training is, so that it never goes on from another's checkpoint.

    Args:
        settings: See `locum.language.LanguageSettings`.
        student: A hash of the model that it began with.
        texts: A hash of what it learns from.
        held_out: A hash of what it is measured on.
        vocabulary: How many of its logits are of tokens.
        teacher: The teacher's fingerprint.
        processes: How many share it.
    """

    settings: dict[str, Any]
    student: str
    texts: str
    held_out: str
    vocabulary: int
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
        kept, second_names = _once(weights)
        tensors, numbers = _flatten(cast("_State", state["state"]))
        save_file(kept, part / "weights.safetensors")
        save_file(tensors, part / "optimizer.safetensors")
        place = {
            "format": _FORMAT,
            "identity": self._identity,
            "second_names": second_names,
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
            _refuse_other(last, _plain(place["identity"]), _plain(self._identity))
            weights = load_file(last / "weights.safetensors")
            tensors = load_file(last / "optimizer.safetensors")
            second_names = place["second_names"]
        except (OSError, KeyError, ValueError, SafetensorError) as error:
            raise UsageError(
                f"checkpoint {last} cannot be read ({error}): remove that folder to begin anew"
            ) from None
        numbers, groups = place["optimizer"]["numbers"], place["optimizer"]["groups"]
        found = {"state": _unflatten(tensors, numbers), "param_groups": groups}
        set_state_dict(
            module,
            optimizer,
            model_state_dict={**weights, **{n: weights[of] for n, of in second_names.items()}},
            optim_state_dict=cast("OptimizerStateType", found),
            options=StateDictOptions(full_state_dict=True),
        )
        return [TrainingStep(*step) for step in place["history"]]

    def _found(self) -> list[Path]:
        return _checkpoints(self._folder)


def refuse_other_settings(
    folder: Path, settings: LanguageSettings, kept: TopTokens | DrawnTokens | None
) -> None:
    """See that the last checkpoint is of such a training, before a teacher is asked for hours.

    Args:
        folder: Of the checkpoints.
        settings: Of the training.
        kept: What is kept of what the teacher says; ``None`` where it is asked at every step.

    Raises:
        UsageError: It is of another one.
    """
    for last in _checkpoints(folder)[-1:]:
        try:
            found = orjson.loads((last / "training.json").read_bytes())["identity"]
            theirs, teacher = dict(found["settings"]), str(found["teacher"])
        except (OSError, KeyError, ValueError):
            return  # it is told when it is loaded
        mine = orjson.loads(orjson.dumps(settings.as_object()))
        if kept is not None and not teacher.endswith(f" {kept}"):
            mine["kept"], theirs["kept"] = str(kept), teacher.partition(" ")[2]
        _refuse_other(last, theirs, mine)


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"))


def _refuse_other(folder: Path, theirs: dict[str, Any], mine: dict[str, Any]) -> None:
    unlike = sorted(name for name in mine | theirs if mine.get(name) != theirs.get(name))
    if unlike:
        shown = ", ".join(_unlike(name, theirs.get(name), mine.get(name)) for name in unlike)
        raise UsageError(
            f"checkpoint {folder} is of another training ({shown}): take another folder, or "
            "remove that one to begin anew"
        )


def _unlike(name: str, theirs: object, mine: object) -> str:
    """Say two values from shortly before where they differ."""
    there, here = str(theirs), str(mine)
    alike = (left == right for left, right in zip(there, here, strict=False))
    start = max(sum(1 for _ in takewhile(bool, alike)) - _SHOWN_CHARACTERS // 2, 0)
    shown = [
        f"{'...' if start else ''}{text[start:][:_SHOWN_CHARACTERS]}" for text in (there, here)
    ]
    return f"{name} {shown[0]} there and {shown[1]} here"


def whole_weights(module: Module) -> dict[str, Any] | None:
    """Put together weights that processes share out, on the first of them; every process calls.

    Returns:
        The weights by their names, nothing in the other processes; ``None`` where each process has
        all of them already.
    """
    from torch.distributed.tensor import DTensor

    if not any(isinstance(parameter, DTensor) for parameter in module.parameters()):
        return None
    weights: dict[str, Any] = get_model_state_dict(module, options=_WHOLE)
    return weights


def model_hash(model: PreTrainedModel) -> str:
    """Return a SHA-256 of a model: its config, its weights, which of them learn, and how.

    Names of folders and versions make no difference.
    """
    digest = hashlib.sha256()
    config = {name: value for name, value in model.config.to_dict().items() if name not in _PLACES}
    digest.update(orjson.dumps(config, default=str, option=_SORTED))
    for adapters in getattr(model, "peft_config", {}).values():
        digest.update(f"{adapters.lora_alpha} {adapters.r} {adapters.lora_dropout}\n".encode())
    for name, parameter in model.named_parameters():
        digest.update(f"{name} {tuple(parameter.shape)} {parameter.requires_grad}\n".encode())
        held = parameter.detach().cpu().contiguous().view(torch.uint8)
        digest.update(held.numpy().data)
    return digest.hexdigest()


def _plain(identity: dict[str, Any]) -> dict[str, Any]:
    """Settings one by one, beside the rest."""
    rest = {name: value for name, value in identity.items() if name != "settings"}
    return rest | dict(identity.get("settings", {}))


def _once(weights: dict[str, Any]) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Divide weights from the second names of those that are tied, which the format refuses."""
    names: dict[int, str] = {}
    kept, second_names = {}, {}
    for name, value in weights.items():
        first = names.setdefault(value.data_ptr(), name)
        if first == name or not value.numel():
            kept[name] = value.contiguous()
        else:
            second_names[name] = first
    return kept, second_names


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
