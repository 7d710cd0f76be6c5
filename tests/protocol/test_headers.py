from extproc.protocol.headers import HeaderMap


def test_a_repeated_name_gives_its_first_value_and_all_of_them() -> None:
    fields = HeaderMap([("accept", b"a"), ("x", b"1"), ("accept", b"b")])
    assert fields.get("accept") == b"a"
    assert fields.getall("accept") == [b"a", b"b"]
    assert list(fields) == [("accept", b"a"), ("x", b"1"), ("accept", b"b")]
    assert len(fields) == 3


def test_a_missing_name_is_none_and_empty_text() -> None:
    fields = HeaderMap()
    assert fields.get("x") is None
    assert fields.text("x") == ""
    assert "x" not in fields


def test_text_keeps_every_byte_value() -> None:
    assert HeaderMap([("x", bytes(range(32, 256)))]).text("x").encode("latin-1") == bytes(range(32, 256))


def test_maps_with_the_same_fields_are_equal() -> None:
    assert HeaderMap([("a", b"1")]) == HeaderMap([("a", b"1")])
    assert HeaderMap([("a", b"1")]) != HeaderMap([("a", b"2")])
    assert hash(HeaderMap([("a", b"1")])) == hash(HeaderMap([("a", b"1")]))


def test_a_rendering_shows_names_and_no_value() -> None:
    assert "authorization" in repr(HeaderMap([("authorization", b"Bearer planted")]))
    assert "planted" not in repr(HeaderMap([("authorization", b"Bearer planted")]))


def test_the_values_of_a_repeated_field_are_joined() -> None:
    fields = HeaderMap([("x-team", b"a"), ("x", b"1"), ("x-team", b"b")])
    assert [fields.joined(name) for name in ("x-team", "x", "absent")] == ["a,b", "1", ""]
    assert HeaderMap([("x", b"1")]).joined("x") == "1"
