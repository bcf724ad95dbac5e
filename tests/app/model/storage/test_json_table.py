from __future__ import annotations

import json

import pytest

from app.model.storage.json_table import Table, TableError, read_table


def test_values_come_back_by_their_kind() -> None:
    table = read_table('{"a": "x", "b": 1, "c": 0.5, "d": true, "e": null, "f": {"g": 2}}', "it")
    assert table.text("a") == "x"
    assert table.whole("b") == 1 and table.number("b") == 1.0
    assert table.number("c") == 0.5
    assert table.truth("d")
    assert not table.has("e") and not table.has("z")
    inner = table.table("f")
    assert inner.whole("g") == 2
    inner.end()
    table.end()


@pytest.mark.parametrize("text", ["", "{", '{"a": ', "[" * 100_000, "nonsense"])
def test_a_text_cut_off_anywhere_is_damaged(text: str) -> None:
    with pytest.raises(TableError, match="damaged or cut off"):
        read_table(text, "kit.json")


@pytest.mark.parametrize(
    ("value", "method"),
    [
        (1, "text"),
        ("1", "number"),
        (True, "number"),
        (True, "whole"),
        (1.0, "whole"),
        (1, "truth"),
        (None, "table"),
        (float("nan"), "number"),
        (float("inf"), "number"),
        (10**400, "number"),
        ({}, "tables"),
    ],
)
def test_a_value_of_another_kind_is_refused_by_its_key(value: object, method: str) -> None:
    table = Table({"key": value}, "it")
    with pytest.raises(TableError, match="key"):
        getattr(table, method)("key", *(["item"] if method == "tables" else []))


def test_missing_and_unknown_keys_are_named() -> None:
    table = Table({"a": 1, "surprise": 2}, "it")
    table.whole("a")
    with pytest.raises(TableError, match="it lacks b"):
        table.whole("b")
    with pytest.raises(TableError, match="unknown key surprise"):
        table.end()


def test_items_of_a_list_are_named_by_their_place() -> None:
    items = Table(json.loads('{"pads": [{}, {}]}'), "kit.json").tables("pads", "pad")
    with pytest.raises(TableError, match=r"kit\.json, pad 2 lacks name"):
        items[1].text("name")
