"""What the pieces of authentication share: secrets, names that load late."""

from __future__ import annotations

import pytest

import wsgimw.auth
from wsgimw.auth import parts


def test_secrets_compare_and_hash_without_showing() -> None:
    one, same, other = (parts.Secret(value, "<it>") for value in (b"a", b"a", b"b"))
    assert one == same != other
    assert one != b"a"
    assert hash(one) == hash(same)  # equal ones must
    assert hash(one) == hash(other)  # and the hash tells nothing of the value
    assert repr(one) == "<it>"


def test_every_name_is_listed_and_loads() -> None:
    assert set(wsgimw.auth.__all__) <= set(dir(wsgimw.auth))
    assert dir(wsgimw.auth) == sorted(dir(wsgimw.auth))
    for name in wsgimw.auth.__all__:
        assert getattr(wsgimw.auth, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'Autenticate'"):
        _ = wsgimw.auth.Autenticate  # type: ignore[attr-defined]
