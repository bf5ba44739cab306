"""What is wrong with the values of a request, in sentences: which field, what was found and expected."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Flaw = Mapping[str, Any]  # Any: what pydantic tells of a flaw
MOST_FLAWS, MOST_SHOWN = 3, 60
BODY = "an object of JSON, sent as content-type: application/json"
EXPECTED = {
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "more than {gt:g}",
    "less_than_equal": "at most {le:g}",
    "less_than": "less than {lt:g}",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number that is finite",
    "string_type": "a text",
    "string_unicode": "a text of whole characters",
    "bool_type": "true or false",
    "list_type": "a list",
    "literal_error": "{expected}",
    "string_too_long": "at most {max_length} characters",
    "too_long": "at most {max_length} items",
    "model_attributes_type": BODY,
}


def sentence_of(flaws: Sequence[Flaw], fields: Sequence[str]) -> str:
    """One sentence about the first flaws of a request whose body may have these fields."""
    words = "; ".join(_flaw(each, fields) for each in flaws[:MOST_FLAWS])
    return words.encode("utf-8", "backslashreplace").decode()  # JSON may hold halves of characters


def _flaw(flaw: Flaw, fields: Sequence[str]) -> str:
    kind, place = flaw["type"], flaw["loc"]
    if kind == "json_invalid":
        return f"the body: no JSON from character {place[-1]} on, expected an object of JSON"
    name = _name(place[1:])
    if kind == "extra_forbidden":
        return f"{name}: nothing takes a field of that name, expected one of {', '.join(fields)}"
    if kind == "missing":
        return f"{name}: found nothing, expected {'a value' if place[1:] else BODY}"
    words = EXPECTED.get(kind)
    expected = flaw["msg"] if words is None else words.format_map(flaw.get("ctx", {}))
    return f"{name}: found {_found(flaw['input'])}, expected {expected}"


def _name(place: Sequence[str | int]) -> str:
    """The name of a field, with the number of the item in it, counted from 0; of no field: the body."""
    first, *rest = place or ("the body",)
    return str(first)[:MOST_SHOWN] + "".join(f"[{each}]" for each in rest)


def _found(value: object) -> str:
    match value:
        case bytes():
            return "text that is not said to be JSON"
        case list():
            return f"a list of {len(value)}"
        case dict():
            return "an object"
        case str() if len(value) > MOST_SHOWN:
            return f"a text of {len(value)} characters"
    return json.dumps(value, ensure_ascii=False)
