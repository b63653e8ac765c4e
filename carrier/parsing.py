"""JSON or XML into one tree, and tolerant reading of its scalars.

The tree has the shape Carrier's own JSON has, which is that of xml2js (contract section 2.5):
attributes under `$`, the text of an element that also has attributes under `_`, a repeated element
as a list, an empty one as None. Scalars stay as they came, because numbers and strings occur side
by side; the readers below decide.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

Tree: TypeAlias = "dict[str, Any]"

SERIAL = re.compile(r"[0-9A-Za-z-]{1,32}")
"""A wall control's serial, which is its system's id (section 2.6)."""

_ATOM = "{http://www.w3.org/2005/Atom}"
_MAX_DEPTH = 32

# Ways to say "no value" that were seen (section 2.5), in lower case.
_NOTHING = frozenset({"", "nan", "na", "none", "invalid", "n/a", "-----", "sensor_status_invalid"})
_YES = frozenset({"on", "true", "1", "yes"})
_NO = frozenset({"off", "false", "0", "no"})

# `pin` pairs a wall control with an account (section 2.6); routerMac is nobody's business (6.7).
_SECRET = re.compile(
    r"^(pin|routermac|authorization|cookie)$|token|password|passwd|secret", re.IGNORECASE
)


class Unreadable(ValueError):
    """The body is not the document it should be. The text never quotes the body."""


def parse(body: bytes, content_type: str | None) -> Tree:
    """Read a body into a tree with one top key, the root element's name.

    The media type decides; without a usable one the first byte does, since servers mislabel.
    Raises `Unreadable`, also for entity tricks, absurd depth and a top level that is no object.
    """
    media = (content_type or "").partition(";")[0].strip().lower()
    is_xml = media.endswith("xml") or (
        not media.endswith("json") and body.lstrip()[:1] == b"<" and "html" not in media
    )
    try:
        tree = _from_xml(body) if is_xml else json.loads(body)
    except (ValueError, RecursionError, ParseError, DefusedXmlException) as trouble:
        raise Unreadable(f"not readable as {'XML' if is_xml else 'JSON'}") from trouble
    if not isinstance(tree, dict):
        raise Unreadable("the document is not an object")
    _check_depth(tree)
    return tree


def _from_xml(body: bytes) -> Tree:
    root = fromstring(body, forbid_dtd=True)
    return {_name(root.tag): _node(root, 0)}


def _node(element: Element, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise Unreadable("nested too deeply")
    node: Tree = {}
    if element.attrib:
        node["$"] = {_name(name): value for name, value in element.attrib.items()}
    for child in element:
        name, value = _name(child.tag), _node(child, depth + 1)
        if name not in node:
            node[name] = value
        elif isinstance(node[name], list):
            node[name].append(value)
        else:
            node[name] = [node[name], value]
    text = (element.text or "").strip()
    if not node:
        return text or None
    if text:
        node["_"] = text
    return node


def _name(tag: str) -> str:
    return tag.replace(_ATOM, "atom:").rpartition("}")[2]


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > _MAX_DEPTH * 2:  # JSON counts its lists too
        raise Unreadable("nested too deeply")
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            _check_depth(inner, depth + 1)


def redact(tree: Any) -> Any:
    """A copy without secrets: pins, tokens, passwords, whatever the case of their names."""
    if isinstance(tree, Mapping):
        return {k: redact(v) for k, v in tree.items() if not _SECRET.search(str(k))}
    if isinstance(tree, list):
        return [redact(inner) for inner in tree]
    return tree


def text(value: Any) -> str | None:
    """The text of a scalar, stripped; None for nothing, for structures and for empty elements.

    Placeholders such as `none` are kept: `odutype none` and `holdActivity none` mean something.
    """
    if isinstance(value, Mapping):
        value = value.get("_")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value).strip() or None
    return None


def word(value: Any) -> str | None:
    """Like `text`, and None for every known placeholder for "no value"."""
    said = text(value)
    return None if said is None or said.lower() in _NOTHING else said


def number(value: Any) -> float | None:
    """A finite number, or None."""
    said = None if isinstance(value, bool) else word(value)
    if said is None:
        return None
    try:
        result = float(said)
    except ValueError:
        return None
    return result if math.isfinite(result) else None


def integer(value: Any) -> int | None:
    """A whole number, or None; `15.0` counts as 15, `15.5` as nothing."""
    result = number(value)
    return int(result) if result is not None and result.is_integer() else None


def flag(value: Any) -> bool | None:
    """on/off, true/false, 1/0, yes/no in any case, native or as text; None for anything else."""
    said = (text(value) or "").lower()
    if said in _YES:
        return True
    return False if said in _NO else None


def moment(value: Any) -> datetime | None:
    """An ISO 8601 time: aware if it had an offset or `Z`, else naive (the home's local time)."""
    said = word(value)
    if said is None:
        return None
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        return None


def utc(value: Any) -> datetime | None:
    """An ISO 8601 time in UTC; one without an offset is taken as UTC (section 3: timestamp is)."""
    when = moment(value)
    if when is None:
        return None
    try:
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except OverflowError:
        return None


def child(tree: Any, name: str) -> Tree:
    """The structure under `name`, or an empty one. Of a list, its first structure."""
    value = tree.get(name) if isinstance(tree, Mapping) else None
    if isinstance(value, list):
        value = next((inner for inner in value if isinstance(inner, dict)), None)
    return value if isinstance(value, dict) else {}


def many(tree: Any, name: str) -> Iterator[Any]:
    """One or many: what stands under `name`, as often as it stands there."""
    value = tree.get(name) if isinstance(tree, Mapping) else None
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value


def attribute(tree: Any, name: str) -> str | None:
    """An XML attribute (JSON: a member of `$`)."""
    return text(child(tree, "$").get(name))


def root(tree: Tree, *names: str) -> Tree:
    """The content of the document's root element, which must bear one of `names`.

    An empty root is an empty document. Raises `Unreadable` for any other top key, which also
    catches the error bodies the server family sends with a 200 (section 2.3).
    """
    for name in names:
        if name in tree:
            content = tree[name]
            if isinstance(content, list) and len(content) == 1:
                content = content[0]
            if content is None or content == "":
                return {}
            if isinstance(content, dict):
                return content
    raise Unreadable(f"no <{names[0]}> in the answer")
