"""Documents as trees, and the two media they travel in.

A tree follows the observed JSON form of Carrier's XML: attributes under ``$``, text beside
attributes under ``_``, repeated elements as a list, an empty element as None. Both media are
written from one tree, so they always say the same.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import orjson
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

Node = dict[str, Any]
JSON_TYPE = "application/json; charset=utf-8"
XML_TYPE = "application/xml; charset=utf-8"


class Malformed(ValueError):
    """A body that cannot be read; the message is safe to send back."""


@lru_cache(maxsize=256)
def negotiate(accept: str) -> str:
    """'json', 'xml', or '' when neither can satisfy an Accept header; JSON wins a tie it is part
    of.
    """
    best, best_q = "", 0.0
    for part in (accept or "*/*").lower().split(","):
        media, *params = [piece.strip() for piece in part.split(";")]
        quality = next((_quality(p[2:]) for p in params if p.startswith("q=")), 1.0)
        form = {"application/json": "json", "application/xml": "xml", "text/xml": "xml"}.get(
            media, ""
        )
        if media in ("*/*", "application/*"):
            form = "json"
        if form and quality > best_q:
            best, best_q = form, quality
    return best


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def write(tree: Node, form: str) -> tuple[bytes, str]:
    """The body and its content type."""
    if form == "xml":
        return to_xml(tree), XML_TYPE
    return orjson.dumps(tree), JSON_TYPE


def text_of(value: object) -> str:
    """A scalar as XML text: lower-case booleans, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def to_xml(tree: Node) -> bytes:
    """One root element with everything below it."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>']
    for name, value in tree.items():
        _write_element(parts, name, value)
    return "".join(parts).encode()


def _write_element(parts: list[str], name: str, value: object) -> None:
    if isinstance(value, list):
        for item in value:
            _write_element(parts, name, item)
        return
    attributes: dict[str, object] = {}
    inner: list[str] = []
    if isinstance(value, dict):
        attributes = value.get("$") or {}
        for key, child in value.items():
            if key == "_":
                inner.append(html.escape(text_of(child), quote=False))
            elif key != "$":
                _write_element(inner, key, child)
    else:
        inner.append(html.escape(text_of(value), quote=False))
    shown = "".join(f' {key}="{html.escape(text_of(item))}"' for key, item in attributes.items())
    body = "".join(inner)
    parts.append(f"<{name}{shown}>{body}</{name}>" if body else f"<{name}{shown}/>")


def read(body: bytes, content_type: str) -> Node:
    """A posted document as a tree; raises Malformed."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in ("application/xml", "text/xml"):
        return _read_xml(body)
    if kind not in ("application/json", ""):
        raise Malformed("Content-Type must be application/json or application/xml")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Malformed("the body is not JSON") from None
    if not isinstance(found, dict):
        raise Malformed("the body must be one object")
    return found


def _read_xml(body: bytes) -> Node:
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        raise Malformed("the body is not XML that can be read") from None
    return {_local(root.tag): _element_tree(root)}


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _element_tree(element: Element) -> Any:
    text = (element.text or "").strip()
    result: Node = {}
    if element.attrib:
        result["$"] = {_local(key): value for key, value in element.attrib.items()}
    for child in element:
        name, value = _local(child.tag), _element_tree(child)
        if name in result:
            before = result[name]
            result[name] = [*before, value] if isinstance(before, list) else [before, value]
        else:
            result[name] = value
    if not result:
        return text or None
    if text:
        result["_"] = text
    return result


_NAME = re.compile(r"[A-Za-z_][\w.:-]{0,63}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def must_fit(node: object, depth: int = 0) -> None:
    """Refuse a document that could be kept but never be written as XML again."""
    if depth > 20:
        raise Malformed("the body is nested too deeply")
    if isinstance(node, list):
        for item in node:
            must_fit(item, depth + 1)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name == "$":
                if not isinstance(value, dict) or any(
                    isinstance(v, dict | list) for v in value.values()
                ):
                    raise Malformed("$ must hold attributes")
            elif name != "_" and not _NAME.fullmatch(name):
                raise Malformed("a member has a name XML cannot carry")
            must_fit(value, depth + 1)
    elif isinstance(node, str):
        must_print(node)


def must_print(text: str) -> str:
    """The text, without control characters."""
    if _CONTROL.search(text):
        raise Malformed("control characters cannot be carried")
    return text


def many(value: object) -> list[Any]:
    """One, many or none as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def id_of(node: object) -> str:
    """The ``$.id`` of a node, or ''."""
    attributes = node.get("$") if isinstance(node, dict) else None
    return text_of(attributes.get("id")) if isinstance(attributes, dict) else ""
