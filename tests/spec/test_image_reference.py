"""The name of an image is a name, and nothing that a program could take for an option, a path or two words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localflyte.spec.image import Image
from localflyte.spec.image_reference import check_reference
from localflyte.spec.image_reference import check_registry
from localflyte.spec.image_reference import check_repository
from localflyte.spec.image_reference import image_tag
from localflyte.spec.image_reference import placeholders

DIGEST = "sha256:" + "0f" * 32


@pytest.mark.parametrize(
    "text",
    [
        "alpine",
        "python:3.12-slim",
        "ghcr.io/flyteorg/flyte:py3.12-v2.12.1",
        "localhost:30000/a_b/c__d/e-f.g:Tag_1.x",
        "localhost/a",
        "127.0.0.1:5000/x",
        "[::1]:5000/x:1",
        "Registry.Example.com/team/x",
        f"alpine@{DIGEST}",
        f"alpine:3@{DIGEST}",
        DIGEST,
    ],
)
def test_a_name(text: str) -> None:
    assert check_reference(text, "x") == text
    assert Image.from_base(text).uri == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("--privileged", "begins with a dash"),
        ("-v/:/host", "begins with a dash"),
        ("alpine --privileged", "a space"),
        ("alpine\nRUN evil", "a newline"),
        ("alpine\n", "a newline"),
        ("alpine\0", "cannot be seen"),
        ("Alpine", "no capital letters"),
        ("ghcr.io/Team/x", "no capital letters"),
        ("alpine:", "the name of an image is"),
        ("alpine:-x", "the name of an image is"),
        ("a//b", "the name of an image is"),
        ("/etc/passwd", "the name of an image is"),
        ("../x", "the name of an image is"),
        ("http://x/y", "the name of an image is"),
        ("a$(id)", "the name of an image is"),
        ("alpine@sha256:12", "the name of an image is"),
        ("a/" * 250 + "a", "the name of an image is"),
        (None, "that is a NoneType"),
        (7, "that is a int"),
    ],
)
def test_no_name(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"Image.from_base needs the URI of an image.*{why}"):
        Image.from_base(text)


def test_a_placeholder_may_be_declared_and_is_no_name() -> None:
    image = Image.from_base("<your-registry>/a:1").clone(registry="<your-registry>", name="<your org>/b")
    assert image.uri.startswith("<your-registry>/<your org>/b:")
    assert placeholders("<your-registry>/<your org>/b") == ["<your-registry>", "<your org>"]
    with pytest.raises(ValueError, match="<your-registry> is to be filled in"):
        check_reference("<your-registry>/a:1", "x")


@pytest.mark.parametrize("text", ["<>/a", "< x>/a", "<a\n>/b", "<$(id)>/a", "<a/b>/c", "<--privileged>/a", "<a> b", "a<b"])
def test_what_is_no_placeholder(text: str) -> None:
    with pytest.raises(ValueError, match=r"Image\.from_base needs the URI of an image"):
        Image.from_base(text)
    with pytest.raises(ValueError, match="must be part of the name of an image"):
        check_repository(text, "x")


@given(st.text(max_size=30))
def test_row_58_what_passes_is_one_word_that_is_no_option(text: str) -> None:
    try:
        check_reference(text, "x")
    except ValueError:
        return
    assert text == text.strip()
    assert text.isascii()
    assert text.isprintable()
    assert not set(text) & set(" -$`'\"\\;|&<>*?(){}") or text[0] not in "-$`'\"\\;|&<>*?(){}"


@pytest.mark.parametrize("text", ["localhost:30000", "localhost", "10.0.0.1:5000", "[::1]:5000", "Registry.Example.com", "a.io/team", "r"])
def test_a_registry(text: str) -> None:
    assert check_registry(text, "x") == text
    assert Image.from_debian_base(registry=text, name="mine").with_pip_packages("numpy").uri.startswith(f"{text}/mine:")


@pytest.mark.parametrize("text", ["localhost:x", "localhost:", ":5000", "a:1 --x", "-h:5", "h:123456"])
def test_no_registry(text: str) -> None:
    with pytest.raises(ValueError, match="registry= must be part of the name of an image"):
        Image.from_debian_base(registry=text)


@pytest.mark.parametrize("text", ["", "-x", "Team", "a:1", "a b", "a/"])
def test_no_part_of_a_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"registry= must be part of the name of an image"):
        check_repository(text, "registry=")
    with pytest.raises(ValueError, match="the name of an image must be part"):
        Image.from_debian_base().clone(name=text or "-")


@pytest.mark.parametrize(
    ("text", "parts"), [("a", ("a", "latest")), ("h:5/a", ("h:5/a", "latest")), ("h:5/a:b", ("h:5/a", "b")), (f"a:1@{DIGEST}", ("a", "1"))]
)
def test_the_tag_that_is_meant(text: str, parts: tuple[str, str]) -> None:
    assert image_tag(text) == parts


def test_every_way_into_an_image_is_checked() -> None:
    for make in (
        lambda: Image.from_debian_base(registry="--x"),
        lambda: Image.from_debian_base(name="x y"),
        lambda: Image.from_debian_base(flyte_version="1\n2"),
        lambda: Image.from_dockerfile("D", registry="-r", name="n"),
        lambda: Image.from_base("a").clone(base_image="-b"),
    ):
        with pytest.raises(ValueError, match="image"):
            make()
    assert Image.from_ref_name("Any Name").ref_name == "Any Name"  # a name of the configuration, which no engine is told
