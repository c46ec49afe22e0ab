"""From the content of a checkpoint to the entries of a network: every heuristic in one table.

Training programs keep the state dict under a key of their own, beside an optimizer and counters,
and wrappers put prefixes before every name. What was chosen, stripped or left out is reported.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from wsol_bench.errors import WeightsError
from wsol_bench.networks.weights.files import WeightsFile
from wsol_bench.runtime.names import first_names, shown

CONTAINERS = (
    "state_dict",  # wsolevaluation, timm, Lightning
    "model_state_dict",  # torch's tutorials
    "model",  # DeiT, detectron2, DINO
    "net",  # pytorch-cifar
    "network",
    "module",  # DeepSpeed
    "params",
    "weights",
)
"""Keys under which programs keep the weights in use."""

AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "ema", "ema_model", "params_ema")
"""Keys under which they keep an average of the weights over the steps of training."""

NO_WEIGHTS = ("optimizer", "optimizers", "optimizer_states", "scaler", "lr_schedulers", "scheduler")
"""Keys whose tensors are no weights."""

PREFIXES = (
    "module.",  # torch.nn.DataParallel, AveragedModel
    "_orig_mod.",  # torch.compile
    "_forward_module.",  # Lightning Fabric
    "_fsdp_wrapped_module.",
    "model.",  # Lightning
    "net.",
    "network.",
    "backbone.",
    "encoder.",
    "ema_model.",
)
"""Prefixes that wrappers put before a name, once or nested."""

COUNTERS = ("n_averaged", "total_ops", "total_params")
"""Last parts of names that count something: AveragedModel's steps, thop's operations."""

_DEEPEST = 3


def choose(content: Any, file: str, entry: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The state dict in a checkpoint.

    Args:
        content: of the file.
        file: its name, for messages.
        entry: the dotted key that the user chose, or "".

    Returns:
        name -> tensor, as the file has it; and notes on the choice.

    Raises:
        WeightsError: there is none, or several and no choice.
    """
    found = dict(_state_dicts(content))
    if entry:
        if entry not in found:
            raise WeightsError(
                f"{file}: entry={entry}: the file holds no state dict there, only {_listed(found)}."
            )
        return _tensors(found[entry]), ()
    if not found:
        raise _no_state_dict(content, file)
    path = next(iter(found)) if len(found) == 1 else _only_choice(found, file)
    others = [name for name in found if name != path]
    notes = [f"the weights are read from {shown(path)!r}"] if path and path != CONTAINERS[0] else []
    if others:
        notes.append(f"not read: {_listed(others)}")
    return _tensors(found[path]), tuple(notes)


def holds_state_dict(content: Any) -> bool:
    """Whether a checkpoint has a mapping with named tensors anywhere."""
    return next(_state_dicts(content), None) is not None


def match(file: WeightsFile, wanted: Sequence[str], prefix: str = "") -> WeightsFile:
    """A file whose entries have the network's names, with prefixes stripped or added.

    Args:
        file: entries as they were saved.
        wanted: the network's own names.
        prefix: the prefix of every name that the user gave, or "".

    Raises:
        WeightsError: two entries would have one name.
    """
    names = frozenset(wanted)
    entries: dict[str, Tensor] = {}
    source: dict[str, str] = {}
    stripped: Counter[str] = Counter()
    counters = []
    added = _missing_prefix(file, wanted)
    for name, value in file.entries.items():
        if name.rpartition(".")[2] in COUNTERS and name not in names:
            counters.append(name)
            continue
        inner = added + _inner(name, names, (prefix,) if prefix else PREFIXES)
        if inner in entries:
            raise WeightsError(
                f"{file.name}: {shown(source[inner])!r} and {shown(name)!r} would both be "
                f"{shown(inner)!r} of the network. Choose one: PATH:prefix=..., such as "
                f"prefix={shown(name.removesuffix(inner))}."
            )
        if name != added + inner and name.endswith(inner):
            stripped[name.removesuffix(inner)] += 1
        entries[inner], source[inner] = value, name
    notes = list(file.notes)
    if stripped:
        notes.append(f"stripped from the names: {', '.join(map(shown, sorted(stripped)))}")
    if added:
        notes.append(f"put before the names: {shown(added)}")
    if counters:
        notes.append(f"left out as counters: {first_names(counters)}")
    return replace(file, entries=entries, notes=tuple(notes))


def nearest_prefix(file: WeightsFile, wanted: Sequence[str]) -> str:
    """A remedy for names that do not match: the prefix that most of them have, or nothing."""
    names = frozenset(wanted)
    fronts: Counter[str] = Counter()
    for name in file.entries:
        parts = name.split(".")
        for cut in range(1, len(parts)):
            if ".".join(parts[cut:]) in names:
                fronts[".".join(parts[:cut]) + "."] += 1
                break
    if not fronts:
        return ""
    front, count = fronts.most_common(1)[0]
    return f" {count} of {len(names)} would match with PATH:prefix={shown(front)}"


def _inner(name: str, wanted: frozenset[str], prefixes: Sequence[str]) -> str:
    """The name without prefixes if the network has such a name; else the name as it is."""
    inner = name
    while inner not in wanted:
        front = next((each for each in prefixes if inner.startswith(each)), None)
        if front is None:
            return name
        inner = inner.removeprefix(front)
    return inner


def _missing_prefix(file: WeightsFile, wanted: Sequence[str]) -> str:
    """The prefix of the network's own wrapper, if no name of the file has it."""
    first = wanted[0] if wanted else ""
    for front in PREFIXES:
        if first.startswith(front) and all(name.startswith(front) for name in wanted):
            bare = {name.removeprefix(front) for name in wanted}
            if any(name in bare for name in file.entries):
                return front
    return ""


def _state_dicts(content: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each mapping with named tensors, by its dotted path."""
    if not isinstance(content, Mapping) or path.count(".") >= _DEEPEST:
        return
    if any(isinstance(name, str) and isinstance(each, Tensor) for name, each in content.items()):
        yield path, content
        return
    for key, value in content.items():
        if isinstance(key, str) and key not in NO_WEIGHTS:
            yield from _state_dicts(value, f"{path}.{key}" if path else key)


def _only_choice(found: Mapping[str, object], file: str) -> str:
    known = [path for path in found if path.rpartition(".")[2] in (*CONTAINERS, *AVERAGED)]
    if len(known) == 1:
        return known[0]
    raise WeightsError(
        f"{file}: holds {len(found)} state dicts: {_listed(found)}. Choose one: PATH:entry=NAME, "
        f"such as entry={shown((known or list(found))[0])}."
    )


def _tensors(state: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: each for name, each in state.items() if isinstance(each, Tensor)}


def _no_state_dict(content: Any, file: str) -> WeightsError:
    if not isinstance(content, Mapping) or not content:
        kind = (
            f"{type(content).__name__}{' without entries' if isinstance(content, Mapping) else ''}"
        )
        return WeightsError(
            f"{file}: expected a state dict, found a {kind}. Save net.state_dict()."
        )
    name, value = next(iter(content.items()))
    what = f"entry {name!r}" if isinstance(name, str) else "an entry without a name"
    return WeightsError(
        f"{file}: expected a state dict of tensors, but {what} is of type {type(value).__name__}. "
        "Save net.state_dict(), or put it under 'state_dict'."
    )


def _listed(names: Mapping[str, object] | Sequence[str]) -> str:
    return ", ".join(shown(name) or "the file itself" for name in names)
