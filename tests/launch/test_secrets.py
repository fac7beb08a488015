"""Where secrets are looked for, in which order, and what is said when one is nowhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from localflyte import errors
from localflyte.launch.secrets import find_secret
from localflyte.launch.secrets import give_secrets
from localflyte.spec.plan import Plan
from localflyte.spec.plan import SecretTerms
from localflyte.spec.plan import TaskRef
from localflyte.spec.run import Surroundings
from localflyte.spec.secret import MOUNT
from localflyte.spec.secret import Secret


class Places:
    """Everywhere that a secret can be."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.env: dict[str, str] = {}
        self.folder = folder
        self.file = folder / "secrets.toml"
        self.keyring: dict[tuple[str, str], str] = {}
        module = ModuleType("keyring")
        module.get_password = lambda service, user: self.keyring.get((service, user))  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "keyring", module)

    def write(self, text: str, mode: int = 0o600) -> None:
        self.file.write_text(text)
        self.file.chmod(mode)

    def dotenv(self, text: str) -> None:
        (self.folder / ".env").write_text(text)

    @property
    def around(self) -> Surroundings:
        return Surroundings(python=sys.executable, cwd=str(self.folder), sys_path=(), argv=(), env=self.env, umask=0o22, alias=False)

    def find(self, *args: Any, **options: Any) -> str:
        return find_secret(Secret(*args, **options).terms(), self.around, self.file, "env.task")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    return Places(tmp_path, monkeypatch)


class TestEnvironment:
    @pytest.mark.parametrize(
        ("secret", "name"),
        [
            ({"key": "my-key"}, "MY_KEY"),
            ({"key": "my-key"}, "my-key"),
            ({"key": "k", "as_env_var": "OTHER"}, "OTHER"),
            ({"key": "k", "as_env_var": "OTHER"}, "K"),
            ({"key": "my.key", "group": "a-group", "as_env_var": "X"}, "A_GROUP_MY_KEY"),
            ({"key": "my-key", "group": "a-group"}, "MY_KEY"),
            ({"key": "k", "group": "arn:aws:x", "mount": MOUNT}, "ARN_AWS_X_K"),
        ],
    )
    def test_these_names_hold_it(self, places: Places, secret: dict[str, str], name: str) -> None:
        places.env = {name: "value"}
        assert places.find(**secret) == "value"

    def test_the_most_specific_name_wins(self, places: Places) -> None:
        places.env = {"k": "4", "K": "3", "G_K": "2", "MINE": "1"}
        found = []
        while places.env:
            found.append(places.find("k", "g", as_env_var="MINE"))
            del places.env[{"1": "MINE", "2": "G_K", "3": "K", "4": "k"}[found[-1]]]
        assert found == ["1", "2", "3", "4"]

    def test_an_empty_one_is_none(self, places: Places) -> None:
        places.env = {"MINE": "", "K": "value"}
        assert places.find("k", as_env_var="MINE") == "value"


class TestDotenv:
    def test_it_lies_in_the_folder_of_the_caller(self, places: Places) -> None:
        places.dotenv("MY_KEY='value'\n")
        assert places.find("my-key") == "value"

    def test_the_environment_comes_before_it(self, places: Places) -> None:
        places.dotenv("MY_KEY=dotenv\n")
        places.env = {"MY_KEY": "environment"}
        assert places.find("my-key") == "environment"


class TestFile:
    @pytest.mark.parametrize(
        ("text", "secret"),
        [
            ('my-key = "value"', {"key": "my-key"}),
            ('"my.key" = "value"', {"key": "my.key", "as_env_var": "X"}),
            ('[group]\nmy-key = "value"', {"key": "my-key", "group": "group"}),
            ('["arn:aws:x"]\nk = "value"', {"key": "k", "group": "arn:aws:x", "mount": MOUNT}),
        ],
    )
    def test_it_holds_keys_and_groups(self, places: Places, text: str, secret: dict[str, str]) -> None:
        places.write(text)
        assert places.find(**secret) == "value"

    def test_a_number_is_taken_as_it_is_written(self, places: Places) -> None:
        places.write("pin = 123456")
        assert places.find("pin") == "123456"

    def test_dotenv_comes_before_it(self, places: Places) -> None:
        places.write('k = "file"')
        places.dotenv("K=dotenv")
        assert places.find("k") == "dotenv"

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o660])
    def test_one_that_others_can_open_is_refused_with_the_command_that_helps(self, places: Places, mode: int) -> None:
        places.write('k = "value"', mode)
        with pytest.raises(errors.ConfigurationError, match=f"Run: chmod 600 {places.file}"):
            places.find("k")

    def test_one_of_another_user_is_refused(self, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
        places.write('k = "value"')
        monkeypatch.setattr(os, "getuid", lambda: 4711)
        with pytest.raises(errors.ConfigurationError, match=f"belongs to another user. Run: chown 4711 {places.file}"):
            places.find("k")

    def test_what_is_no_toml_is_told_without_its_text(self, places: Places) -> None:
        places.write('k = "swordfish\nb = 1')
        with pytest.raises(errors.ConfigurationError, match=r"not valid TOML \(at line 1") as caught:
            places.find("k")
        assert "swordfish" not in str(caught.value)

    @pytest.mark.parametrize("value", ["true", "[1]"])
    def test_what_is_no_text_is_told(self, places: Places, value: str) -> None:
        places.write(f"k = {value}")
        with pytest.raises(errors.ConfigurationError, match="k in .* must be text in quotes"):
            places.find("k")

    @pytest.mark.parametrize("text", ['[k]\nx = "y"', 'group = "text"\n[other]\nk = "v"'])
    def test_a_table_of_that_name_is_not_it(self, places: Places, text: str) -> None:
        places.write(text)
        with pytest.raises(errors.SecretNotFoundError):
            places.find("k", "group")


class TestKeyring:
    def test_it_comes_last(self, places: Places) -> None:
        places.keyring = {("localflyte", "k"): "keyring"}
        assert places.find("k") == "keyring"
        places.write('k = "file"')
        assert places.find("k") == "file"

    def test_the_group_is_the_service(self, places: Places) -> None:
        places.keyring = {("group", "k"): "value"}
        assert places.find("k", "group") == "value"

    def test_one_that_fails_is_told(self, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(service: str, user: str) -> str:
            raise RuntimeError("no backend")

        monkeypatch.setattr(sys.modules["keyring"], "get_password", fails)
        with pytest.raises(errors.SecretNotFoundError, match=r"keyring of the system .*\(RuntimeError\)"):
            places.find("k")


class TestMissing:
    def test_every_place_is_named_and_what_to_do(self, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "keyring", None)
        with pytest.raises(errors.SecretNotFoundError) as caught:
            places.find("my-key", "a.group", mount=MOUNT)
        first, *looked = str(caught.value).splitlines()
        assert first == (
            "Task env.task needs the secret 'my-key' of the group 'a.group', which is not set. Set MY_KEY in the environment or "
            f'in .env, or write ["a.group"] my-key = "..." into {places.file} (chmod 600).'
        )
        assert looked == [
            "It was looked for in:",
            "  - the environment variables A_GROUP_MY_KEY, MY_KEY, my-key",
            f"  - {places.folder}/.env (No such file or directory)",
            f"  - {places.file} (No such file or directory)",
            "  - the keyring of the system (not asked: pip install 'localflyte[keyring]')",
        ]

    def test_it_is_no_use_to_try_again(self, places: Places) -> None:
        with pytest.raises(errors.SecretNotFoundError) as caught:
            places.find("k")
        assert not caught.value.recoverable

    def test_an_empty_one_is_told(self, places: Places) -> None:
        places.env = {"K": ""}
        with pytest.raises(errors.SecretNotFoundError, match=r"environment variables K, k \(it is there, and empty\)"):
            places.find("k")


class TestGiving:
    def give(self, places: Places, *secrets: Secret) -> Any:
        plan = Plan(
            task=TaskRef(name="env.task"), environment="env", short_name="task", interface="()", secrets=tuple(s.terms() for s in secrets)
        )
        return give_secrets(plan, places.around, places.file)

    def test_as_variables_and_as_files(self, places: Places) -> None:
        places.env = {"A": "1", "B": "2", "G_C": "3"}
        given = self.give(places, Secret("a", as_env_var="X"), Secret("b", mount=MOUNT, as_env_var="Y"), Secret("C", "G", mount=MOUNT))
        assert given.variables == {"X": "1", "Y": "2"}
        assert given.files == (("G/c", "3"), ("b", "2"))
        assert given.values == {"a": "1", "b": "2", "G/C": "3"}

    def test_its_repr_tells_nothing(self, places: Places) -> None:
        places.env = {"A": "swordfish"}
        assert "swordfish" not in repr(self.give(places, Secret("a", mount=MOUNT, as_env_var="X")))

    @pytest.mark.parametrize(("key", "group"), [("../k", None), ("/k", None), ("k", ".."), ("k", "/etc"), ("a//b", "g"), ("k", "a/../b")])
    def test_no_file_lies_outside_of_its_folder(self, places: Places, key: str, group: str | None) -> None:
        places.env = {key: "value"}
        with pytest.raises(errors.RuntimeUserError) as caught:
            self.give(places, Secret(key, group, mount=MOUNT))
        assert caught.value.code == "SecretMountError"

    def test_a_zero_byte_cannot_be_in_a_variable(self, places: Places) -> None:
        places.write('a = "sword\\u0000fish"')
        with pytest.raises(errors.RuntimeUserError, match="zero byte") as caught:
            self.give(places, Secret("a"))
        assert "sword" not in str(caught.value)
        assert self.give(places, Secret("a", mount=MOUNT)).files == (("a", "sword\0fish"),)


def test_terms_hold_no_value() -> None:
    assert set(SecretTerms.__dataclass_fields__) == {"key", "group", "mount", "env_var"}
