"""The documents are current, and the examples are what the documents say."""

from pathlib import Path

import orjson
import pytest
from jsonschema import Draft202012Validator

from events import codec, examples, schemas
from events.dead_letter import encode_dead_letter
from events.envelope import INPUTS, Input
from events.fact import DATA, Fact

DOCS = Path(__file__).parents[2] / "docs"
SCHEMAS = {path.removeprefix("schemas/"): orjson.loads(text) for path, text in schemas.documents().items()}


def test_the_documents_in_the_tree_are_current() -> None:
    written = {path: (DOCS / path).read_bytes() for path in schemas.documents()}
    assert written == schemas.documents(), "run: python -m events.schemas docs"
    assert {f"schemas/{path.name}" for path in (DOCS / "schemas").iterdir()} == set(written) - {"asyncapi.json"}


def test_they_are_written_below_any_folder_and_stale_ones_go(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "recado.gone.v1.json").write_text("{}")
    schemas.write(tmp_path)
    assert {path.name for path in (tmp_path / "schemas").iterdir()} == set(SCHEMAS) - {"asyncapi.json"}


@pytest.mark.parametrize("name", sorted(set(SCHEMAS) - {"asyncapi.json"}))
def test_each_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["description"]


@pytest.mark.parametrize("event", examples.INPUTS, ids=lambda event: event.id)
def test_an_example_of_an_input_is_what_its_schema_says(event: Input) -> None:
    Draft202012Validator(SCHEMAS[f"{event.type}.json"]).validate(orjson.loads(codec.encode_input(event)))


@pytest.mark.parametrize("fact", examples.FACTS, ids=lambda fact: fact.type)
def test_an_example_of_a_fact_is_what_its_schema_says(fact: Fact) -> None:
    name = f"{fact.type}.fact.json" if f"{fact.type}.fact.json" in SCHEMAS else f"{fact.type}.json"
    validator = Draft202012Validator(SCHEMAS[name])
    document = orjson.loads(codec.encode_fact(fact))
    validator.validate(document)
    document["data"]["surprise"] = 1
    assert not validator.is_valid(document)


def test_the_example_of_a_dead_letter_is_what_its_schema_says() -> None:
    document = orjson.loads(encode_dead_letter(examples.DEAD_LETTER))
    Draft202012Validator(SCHEMAS["recado.dead_letter.json"]).validate(document)


def test_there_is_an_example_of_everything() -> None:
    assert {event.type for event in examples.INPUTS} == {model.TYPE for model in INPUTS}
    assert {fact.type for fact in examples.FACTS} == {of.TYPE for of in DATA}


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = SCHEMAS["asyncapi.json"]
    assert document["asyncapi"] == "3.0.0"

    def follow(node: object) -> int:
        if isinstance(node, list):
            return sum(follow(item) for item in node)
        if not isinstance(node, dict):
            return 0
        reference = node.get("$ref")
        if reference is None:
            return sum(follow(item) for item in node.values())
        if reference.startswith("#/"):
            found = document
            for step in reference[2:].split("/"):
                found = found[step]
        else:
            assert (DOCS / reference).is_file()
        return 1

    assert follow(document) > 50
