"""Derived credentials: the same for ever, different for each account, purpose, generation and secret."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import credentials

SECRET = bytes(range(32))
OTHER = bytes(32)


def test_each_is_its_own_and_fits_into_a_url() -> None:
    made = {
        derive(secret, account, generation)
        for derive in (credentials.api_key, credentials.callback_secret)
        for secret in (SECRET, OTHER)
        for account in ("acme", "acme-1", "acme1")
        for generation in (1, 2, 11)
    }
    assert len(made) == 2 * 2 * 3 * 3
    assert all(re.fullmatch(r"(rk|cb)_[A-Za-z0-9_-]{32}", each) for each in made)
    assert len({each[3:] for each in made}) == len(made)


def test_they_do_not_change_from_release_to_release() -> None:
    # Callback URLs stand in the provider's console and API keys in other systems.
    assert credentials.api_key(SECRET, "acme") == "rk_cZSVBuAPe3ANYHURyMHjA3FJc8zE6bSO"
    assert credentials.callback_secret(SECRET, "acme") == "cb__uq0tDSJpwHSr6arJWwuckZk9EeTvw9A"


def test_the_right_one_is_recognised_and_a_retired_one_is_not() -> None:
    key = credentials.api_key(SECRET, "acme")
    assert credentials.is_api_key(SECRET, "acme", key)
    assert not credentials.is_api_key(SECRET, "acme", key, generation=2)
    assert not credentials.is_api_key(SECRET, "umbrella", key)
    assert not credentials.is_callback_secret(SECRET, "acme", key)
    assert credentials.is_callback_secret(SECRET, "acme", credentials.callback_secret(SECRET, "acme"))


@given(st.text(max_size=60))
@pytest.mark.parametrize("check", [credentials.is_api_key, credentials.is_callback_secret])
def test_anything_else_from_outside_is_refused(check: object, presented: str) -> None:
    assert callable(check)
    assert check(SECRET, "acme", presented) is False


def test_a_surrogate_from_a_broken_client_is_refused_too() -> None:
    assert not credentials.is_api_key(SECRET, "acme", "rk_\udcff")


def test_the_signing_keys_are_32_bytes_and_differ() -> None:
    keys = {credentials.mac_key(SECRET), credentials.link_key(SECRET), credentials.mac_key(OTHER), SECRET}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}
