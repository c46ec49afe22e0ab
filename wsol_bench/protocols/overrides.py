"""Protocols that a user varies: fields replaced on the command line or in a file."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from wsol_bench.errors import DataError, UsageError, find, unknown_name
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL, PROTOCOLS, BoxRule, Protocol
from wsol_bench.protocols.views import VIEWS

_FIXED = ("name", "source", "box_rule", "sweep", "metrics")
"""Fields of a protocol that are not set one by one."""


OWN = "a TOML file with fields of one of these (docs/how-to/add-a-protocol.md)"


def resolve(protocol: str, changes: Sequence[str] = ()) -> Protocol:
    """The protocol of a name or TOML file, with fields replaced.

    A file holds `base = "gradcam-iccv17"` and any field of `Protocol` or `BoxRule`,
    such as `threshold = 0.2`. The name of a changed protocol lists the changes, so
    that its numbers are never taken for the original's.

    Args:
        protocol: a name, or the path of a .toml file.
        changes: "field=value" texts, which take precedence over the file.

    Raises:
        UsageError: an unknown name or field, or a value of the wrong kind.
        DataError: the file cannot be read.

    Example:
        >>> resolve("gradcam-iccv17", ["threshold=0.2"]).name
        'gradcam-iccv17 (threshold=0.2)'
    """
    asked: dict[str, Any] = {}
    name = protocol
    if protocol.endswith(".toml"):
        asked = _read(Path(protocol))
        name = str(asked.pop("base", DEFAULT_PROTOCOL))
    return _changed(find("protocol", name, PROTOCOLS, OWN), asked | _fields_in(changes))


def changed_by_file(protocol: str | None) -> tuple[str, ...]:
    """The fields that a TOML file of a protocol changes from its base; none of a name.

    Raises:
        UsageError, DataError: as `resolve`.
    """
    if protocol is None or not protocol.endswith(".toml"):
        return ()
    asked = _read(Path(protocol))
    base = find("protocol", str(asked.pop("base", DEFAULT_PROTOCOL)), PROTOCOLS)
    return tuple(name for name, value in asked.items() if _changed(base, {name: value}) != base)


def with_changes(protocol: Protocol, changes: Sequence[str]) -> Protocol:
    """A run's own protocol with fields replaced, including fields that were replaced before.

    Args:
        protocol: every field of it stays that is not named.
        changes: "field=value" texts.

    Raises:
        UsageError: an unknown field, or a value of the wrong kind.

    Example:
        >>> own = resolve("gradcam-iccv17", ["threshold=0.4"])
        >>> with_changes(own, ["iou=0.3"]).name
        'gradcam-iccv17 (threshold=0.4, iou=0.3)'
    """
    return _changed(protocol, _fields_in(changes))


def _fields_in(changes: Sequence[str]) -> dict[str, Any]:
    asked = {}
    for change in changes:
        field, equals, text = change.partition("=")
        if not equals:
            raise UsageError(f"--set {change}: expected FIELD=VALUE, such as threshold=0.2.")
        name = field.strip()
        if name in asked:
            raise UsageError(f"--set {change}: {name} is set twice. Give it once.")
        asked[name] = text.strip()
    return asked


def _kinds() -> dict[type, dict[str, Any]]:
    """Owner -> its fields that can be set, with their types."""
    return {
        owner: {
            field.name: get_type_hints(owner)[field.name]
            for field in fields(owner)
            if field.name not in _FIXED
        }
        for owner in (BoxRule, Protocol)
    }


def _changed(base: Protocol, asked: Mapping[str, Any]) -> Protocol:
    kinds = _kinds()
    replaced: dict[type, dict[str, Any]] = {BoxRule: {}, Protocol: {}}
    for name, value in asked.items():
        owner = next((each for each in kinds if name in kinds[each]), None)
        if owner is None:
            raise unknown_name("field of a protocol", name, [n for k in kinds.values() for n in k])
        replaced[owner][name] = _value(name, value, kinds[owner][name])
    rule = replace(base.box_rule, **replaced[BoxRule])
    changed = replace(base, box_rule=rule, **replaced[Protocol])
    if changed == base:
        return base
    find("view", changed.view, VIEWS)
    _check_shares(changed)
    return replace(changed, name=_name_of(changed))


def _name_of(protocol: Protocol) -> str:
    """The name of the protocol that it was made from, and every field that differs from it.

    The fields stand in a fixed order, so that the order in which they were set does not
    make another protocol.
    """
    original = protocol.name.partition(" (")[0]
    known = PROTOCOLS[original]
    differences = [
        f"{name}={getattr(now, name)}"
        for owner, now, then in (
            (BoxRule, protocol.box_rule, known.box_rule),
            (Protocol, protocol, known),
        )
        for name in _kinds()[owner]
        if getattr(now, name) != getattr(then, name)
    ]
    return f"{original} ({', '.join(differences)})" if differences else original


def _check_shares(protocol: Protocol) -> None:
    if not 0 < protocol.iou <= 1:
        raise UsageError(f"iou={protocol.iou:g}: expected a minimum IoU above 0 and at most 1.")
    rule = protocol.box_rule
    if rule.reference == "max" and rule.threshold > 1:
        raise UsageError(
            f"threshold={rule.threshold:g}: expected a share of the map's maximum, 0 to 1."
        )


def _value(name: str, value: Any, kind: Any) -> Any:
    """A value, or the text of one, as the field's type."""
    if get_origin(kind) is Literal:
        for choice in get_args(kind):
            if str(choice) == str(value):
                return choice
        raise UsageError(f"{name}={value}: expected one of {', '.join(map(str, get_args(kind)))}.")
    truths = {"true": True, "false": False}
    if kind is int and isinstance(value, float):  # of a TOML file; int() would cut it
        raise UsageError(f"{name}={value}: expected a whole number from 1 on.")
    try:
        if isinstance(value, bool) and kind is not bool:
            raise TypeError
        converted = truths[str(value).lower()] if kind is bool else kind(value)
    except (KeyError, ValueError, TypeError):
        raise UsageError(f"{name}={value}: expected a value of kind {kind.__name__}.") from None
    if isinstance(converted, float) and not 0 <= converted < float("inf"):
        raise UsageError(f"{name}={value}: expected a number from 0 on.")
    if kind is int and converted < 1:
        raise UsageError(f"{name}={value}: expected a whole number from 1 on.")
    return converted


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"--protocol {path}: cannot be read as TOML ({error}).") from error
