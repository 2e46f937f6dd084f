"""Places where a lake can be: a folder, and a bucket of a real S3 server in a process of its own."""

import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from mesh.lake import Lake

BUCKET = "lake"
_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket that is being served."""

    endpoint: str

    @property
    def options(self) -> dict[str, str]:
        """The settings' `storage_options`."""
        return {
            "aws_endpoint_url": self.endpoint,
            "aws_access_key_id": "somebody",
            "aws_secret_access_key": "something",
            "aws_region": "us-east-1",
            "allow_http": "true",
        }

    def lake(self) -> Lake:
        """A lake that nobody else uses."""
        return Lake(f"s3://{BUCKET}/{uuid.uuid4().hex}/dev", self.options)

    def client(self):
        """The same bucket by S3's own client."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id="somebody",
            aws_secret_access_key="something",
            region_name="us-east-1",
        )


@contextmanager
def served_bucket() -> Iterator[Bucket]:
    """Moto's server, started for as long as it is needed."""
    port = free_port()
    command = [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_port(port, process)
        bucket = Bucket(f"http://127.0.0.1:{port}")
        bucket.client().create_bucket(Bucket=BUCKET)
        yield bucket
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"the S3 server did not start: {process.poll()}")


@pytest.fixture(scope="session")
def bucket():
    with served_bucket() as served:
        yield served


@pytest.fixture(params=["disk", "s3"])
def lake(request, tmp_path):
    """An empty lake, on each kind of store."""
    if request.param == "disk":
        return Lake(str(tmp_path / "lake" / "dev"))
    return request.getfixturevalue("bucket").lake()
