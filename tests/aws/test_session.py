"""Sessions: each with its own credentials and Region, all with one reading of what botocore has on file."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import JSONFileLoader

from netcheck.aws.api.session import new_session, service_client
from netcheck.core.context import Deadline

KEYS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "example"}
FOLDER = Path(botocore.__file__).parent / "data"


def client(service: str, region: str = "eu-west-1") -> Any:
    return service_client(new_session(region_name=region, **KEYS), service, Deadline(30))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each of botocore's files is read from here on."""
    counted: Counter[str] = Counter()
    load = JSONFileLoader.load_file

    def load_file(self: JSONFileLoader, path: str) -> Any:
        counted[path] += 1
        return load(self, path)

    monkeypatch.setattr(JSONFileLoader, "load_file", load_file)
    return counted


def test_what_one_session_has_read_no_other_reads_again(
    read: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))  # a reading that no other test has begun
    for region in ("eu-west-1", "us-east-1", "eu-west-1"):
        client("kafka", region)
    assert any("kafka" in path for path in read)
    assert set(read.values()) == {1}


def test_sessions_that_share_a_reading_keep_their_own_regions() -> None:
    hosts = [client("kafka", region).meta.endpoint_url for region in ("eu-west-1", "us-east-1")]
    assert hosts == ["https://kafka.eu-west-1.amazonaws.com", "https://kafka.us-east-1.amazonaws.com"]


def test_a_hundred_sessions_leave_nothing_behind_for_the_next() -> None:
    def folders() -> int:
        core = new_session(region_name="eu-west-1")._session
        return len(core.get_component("data_loader").search_paths)

    first = folders()
    assert {folders() for _ in range(100)} == {first}


def test_descriptions_in_a_folder_of_the_users_own_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (theirs,) = sorted((FOLDER / "kafka").iterdir())
    own = tmp_path / "kafka" / theirs.name
    own.mkdir(parents=True)
    model = json.loads(gzip.decompress((theirs / "service-2.json.gz").read_bytes()))
    model["metadata"]["endpointPrefix"] = "kafka-of-ours"
    (own / "service-2.json").write_text(json.dumps(model))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    assert client("kafka").meta.service_model.endpoint_prefix == "kafka-of-ours"
    monkeypatch.delenv("AWS_DATA_PATH")
    assert client("kafka").meta.service_model.endpoint_prefix == "kafka"
