import json

from statsd_trio.config import Config, SourcedConfig, load_sourced_config
from statsd_trio.config.options import OPTIONS
from statsd_trio.config.show import make_schema, show_fields, to_json
from statsd_trio.rules import MapperProfile

KEY = "0123456789abcdef0123456789abcdef"


def test_every_field_is_shown_with_its_source() -> None:
    sourced = load_sourced_config(environ={"DD_API_KEY": KEY}, flags={"port": "80"})

    shown = {field.name: field for field in show_fields(sourced)}

    assert list(shown) == list(OPTIONS)
    assert shown["port"][1:] == (80, "--port")
    assert shown["host"][1:] == ("localhost", "default")
    assert shown["api_key"][1:] == ("***cdef", "DD_API_KEY")


def test_what_is_shown_is_json_without_a_secret() -> None:
    config = Config(
        api_key=KEY,
        dd_url=f"https://u:{KEY}@e.example",
        additional_endpoints={f"https://u:{KEY}@e.example": [KEY]},
        proxy=f"http://u:{KEY}@proxy",
        mapper_profiles=[MapperProfile("a", "b")],
    )
    sourced = SourcedConfig(config, dict.fromkeys(OPTIONS, "default"))

    text = json.dumps(show_fields(sourced))

    assert KEY not in text
    assert json.dumps({"name": "a", "prefix": "b", "mappings": []}) in text


def test_what_json_lacks_is_shown_by_its_kind() -> None:
    assert to_json(print) == "<builtin_function_or_method>"


def test_schema_has_every_field() -> None:
    schema = make_schema()

    assert list(schema["properties"]) == list(OPTIONS)
    assert schema["properties"]["port"]["default"] == 8125
    assert "default" not in schema["properties"]["hostname"]
    json.dumps(schema)
