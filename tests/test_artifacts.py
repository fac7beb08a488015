"""flyte.artifacts: what a value is known by, and the attributes that describe a model."""

from __future__ import annotations

from pathlib import Path

import pytest

import localflyte as flyte
from localflyte.artifacts import KIND_KEY
from localflyte.artifacts import Card
from localflyte.artifacts import Metadata
from localflyte.errors import ClusterOnlyError
from localflyte.io import File

env = flyte.TaskEnvironment(name="artifacts")


@env.task(produces_artifacts=True)
def makes_one() -> File:
    return File("/a")


@env.task
def makes_none() -> str:
    return ""


@env.task
async def keeps_cards(file: str) -> list[Card]:
    pages = [await Card.create_from.aio(content=page, card_type="model") for page in ("<h1>one</h1>", "<h1>two</h1>", "<h1>one</h1>")]
    return [*pages, Card.create_from(local_path=file, format="md")]


def test_a_card_is_kept_among_the_data_of_its_task(tmp_path: Path) -> None:
    """Under a name that its content decides: two pages do not write over each other, and one that is kept twice is one file."""
    (tmp_path / "card.md").write_text("# three")
    (cards,) = flyte.run(keeps_cards, str(tmp_path / "card.md")).outputs()
    assert [Path(card.uri).read_text() for card in cards] == ["<h1>one</h1>", "<h1>two</h1>", "<h1>one</h1>", "# three"]
    assert (cards[0] == cards[2], len({card.uri for card in cards})) == (True, 3)
    assert [(card.format, card.card_type) for card in cards] == [("html", "model")] * 3 + [("md", "generic")]
    assert Path(cards[3].uri).suffix == ".md"


def test_a_card_needs_a_page_and_a_task() -> None:
    with pytest.raises(ValueError, match="content= or as the file local_path="):
        Card.create_from(content="")
    with pytest.raises(ClusterOnlyError, match="outside of a task"):
        Card.create_from(content="x")


def test_a_model_is_marked_as_one_among_its_attributes() -> None:
    made = Metadata.create_model_metadata(name="weights", version="2", framework="torch", modality=("text", "image"))
    assert (made.name, made.version, made.kind) == ("weights", "2", None)
    assert made.attrs == {
        KIND_KEY: "model",
        "framework": "torch",
        "model_type": "",
        "architecture": "",
        "task": "",
        "modality": "text,image",
        "serial_format": "safetensors",
    }


def test_what_is_said_of_a_model_wins_over_attributes_of_its_own() -> None:
    given = {"source": "elsewhere", "framework": "other", KIND_KEY: "data"}
    attrs = Metadata.create_model_metadata(name="weights", framework="torch", attrs=given).attrs
    assert attrs is not None
    assert (attrs["source"], attrs["framework"], attrs[KIND_KEY]) == ("elsewhere", "torch", "model")
    assert given[KIND_KEY] == "data"


def test_a_model_keeps_its_card_and_its_partitions() -> None:
    card = Card(uri="s3://bucket/card.html", card_type="model")
    made = Metadata.create_model_metadata(name="weights", description="of all", card=card, partitions={"day": 1})
    assert (made.description, made.card, made.partitions) == ("of all", card, {"day": 1})


def test_what_no_model_has_is_refused() -> None:
    with pytest.raises(TypeError, match="framwork"):
        Metadata.create_model_metadata(name="weights", framwork="torch")  # type: ignore[call-arg]


def test_other_values_keep_their_attributes_as_they_are() -> None:
    assert Metadata(name="data", attrs={"rows": "3"}).attrs == {"rows": "3"}
    assert Metadata(name="data", kind="data").attrs is None


def test_a_task_says_whether_it_makes_artifacts() -> None:
    assert (makes_one.produces_artifacts, makes_none.produces_artifacts) == (True, False)
    assert makes_none.override(produces_artifacts=True).produces_artifacts is True
    assert makes_one.override(produces_artifacts=False).produces_artifacts is False
    assert makes_one.override(retries=1).produces_artifacts is True
