"""How a rule is named on the command line and in settings: `name` or `name:setting=value,setting=value`."""

import inspect
import math
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from data.errors import InputError

Setting = int | float | str | None
Rule = Callable[..., Any]  # a rule's own settings follow its arguments, so their types differ


def demand(holds: bool, otherwise: str) -> None:
    """Refuse a setting with the sentence `otherwise`, unless the condition holds."""
    if not holds:
        raise InputError(otherwise)


def split_spec(spec: str) -> tuple[str, dict[str, str]]:
    """The name and the settings, still text, of a spec."""
    name, colon, tail = spec.strip().partition(":")
    texts: dict[str, str] = {}
    for piece in tail.split(",") if colon else ():
        key, equals, value = (part.strip() for part in piece.partition("="))
        demand(
            bool(key and equals and value),
            f"{spec!r}: found {piece!r}, expected setting=value after the colon",
        )
        demand(key not in texts, f"{spec!r}: the setting {key} stands there twice")
        texts[key] = value
    return name, texts


def settings_of(rule: Rule, texts: Mapping[str, str], name: str, arguments: int) -> dict[str, Setting]:
    """The settings of `rule` read from `texts` and checked against its signature.

    Its first `arguments` parameters are no settings. Numbers can be set, and words where the rule lists them
    (`Literal`).
    """
    parameters = list(signature_of(rule, name).parameters.values())[arguments:]
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    known = {parameter.name: parameter for parameter in parameters if parameter.kind in kinds}
    for key in texts:
        demand(key in known, _unknown_setting(key, known, name))
    for key, parameter in known.items():
        missing = parameter.default is inspect.Parameter.empty and key not in texts
        demand(not missing, f"{name} needs its setting {key}, as in {name}:{key}=…")
    return {key: _setting(known[key], text, name) for key, text in texts.items()}


def signature_of(rule: Rule, name: str) -> inspect.Signature:
    """The signature of `rule`, its annotations evaluated where they can be."""
    try:
        return inspect.signature(rule, eval_str=True)
    except (AttributeError, NameError):  # an annotation names what is imported for type checkers only
        return inspect.signature(rule)
    except ValueError as error:
        raise InputError(f"{name}: Python cannot tell its arguments") from error


def nearest(name: str, names: Collection[str]) -> str:
    """A hint at the nearest of `names`, empty when none is near."""
    near = get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _unknown_setting(key: str, known: Collection[str], name: str) -> str:
    if not known:
        return f"{name} has no settings, got {key}"
    return f"{name} has no setting {key!r}, expected one of {', '.join(known)}{nearest(key, known)}"


def _setting(parameter: inspect.Parameter, text: str, name: str) -> Setting:
    where = f"{name}: {parameter.name} = {text!r}"
    words = get_args(parameter.annotation) if get_origin(parameter.annotation) is Literal else ()
    if words:
        demand(text in words, f"{where}, expected one of {', '.join(words)}{nearest(text, words)}")
        return text
    kind = _number_kind(parameter)
    if kind is None:
        raise InputError(f"{where}, but this setting is no number, and only numbers can be given here")
    try:
        value = kind(text)
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise InputError(f"{where}, expected {expected}") from None
    demand(math.isfinite(value), f"{where}, expected a finite number")
    return value


def _number_kind(parameter: inspect.Parameter) -> type[int] | type[float] | None:
    """int or float, as the annotation says or else the default; None when it is no number."""
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        annotation = float if parameter.default is inspect.Parameter.empty else type(parameter.default)
    if isinstance(annotation, str):
        annotation = {"int": int, "float": float}.get(annotation)
    kinds = [kind for kind in get_args(annotation) or (annotation,) if kind is not NoneType]
    if float in kinds:
        return float
    return int if int in kinds else None
