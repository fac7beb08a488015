"""Secrets: where a task finds them, and names that an environment variable can have."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from localflyte.spec.plan import SecretTerms
from localflyte.spec.secret import Secret
from localflyte.spec.secret import secrets_from_request


@pytest.mark.parametrize(
    ("secret", "terms"),
    [
        (Secret("my-key"), SecretTerms(key="my-key", env_var="MY_KEY")),
        (Secret("my-key", "team-a"), SecretTerms(key="my-key", group="team-a", env_var="TEAM_A_MY_KEY")),
        (Secret("k", as_env_var="TOKEN"), SecretTerms(key="k", env_var="TOKEN")),
        (Secret("k", mount="/etc/flyte/secrets"), SecretTerms(key="k", mount="/etc/flyte/secrets")),
        (
            Secret("k", "g", pathlib.Path("/etc/flyte/secrets"), "K"),
            SecretTerms(key="k", group="g", mount="/etc/flyte/secrets", env_var="K"),
        ),
    ],
)
def test_terms(secret: Secret, terms: SecretTerms) -> None:
    assert secret.terms() == terms


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": ""}, "needs a key"),
        ({"key": None}, "needs a key"),
        ({"key": "a.b"}, "choose one with as_env_var"),
        ({"key": "1a"}, "'1A' cannot be the name"),
        ({"key": "k", "as_env_var": "lower"}, "'lower' cannot be the name"),
        ({"key": "k", "as_env_var": "A\n"}, "cannot be the name"),
        ({"key": "k", "mount": "/x"}, "/etc/flyte/secrets"),
    ],
)
def test_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Secret(**options)


def test_request() -> None:
    both = [Secret("a"), Secret("b")]
    assert secrets_from_request("a") == both[:1]
    assert secrets_from_request(Secret("a")) == both[:1]
    assert secrets_from_request(["a", Secret("b")]) == both
    assert secrets_from_request([]) == []


def test_a_secret_stays_itself() -> None:
    secret = Secret("a", as_env_var="B")
    assert secrets_from_request(secret)[0] is secrets_from_request(["x", secret])[1] is secret
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_request_of_something_else() -> None:
    with pytest.raises(TypeError, match="keys or flyte.Secret"):
        secrets_from_request([5])  # type: ignore[list-item]


def test_hash_is_the_one_of_flyte() -> None:
    """Test that the hash is the same in every process, and the one flyte 2.12.1 makes."""
    assert Secret("k").stable_hash() == "eb07b32daef5ab2b2da41e8d5cd4be47e63ba1afbc781852edfc10918c9927a9"
    assert hash(Secret("k", "g")) == 2161511699187155140
