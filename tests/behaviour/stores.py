"""Places where a lake can be: a folder, and buckets of two real S3 servers.

Moto's server is the one that tests have in common with much of the world; Ceph's gateway is what
organisations run, and is strict.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from mesh.lake import Lake
from tests.behaviour import gateway as ceph
from tests.behaviour import servers

BUCKET = "lake"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket that is being served."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    name: str = BUCKET

    @property
    def options(self) -> dict[str, str]:
        """The settings' `storage_options`."""
        return {
            "aws_endpoint_url": self.endpoint,
            "aws_access_key_id": self.access_key,
            "aws_secret_access_key": self.secret_key,
            "aws_region": "us-east-1",
            "allow_http": "true",
        }

    def at(self, endpoint: str) -> "Bucket":
        """The same bucket behind another endpoint, such as a proxy."""
        return replace(self, endpoint=endpoint)

    def lake(self) -> Lake:
        """A lake that nobody else uses."""
        return Lake(f"s3://{self.name}/{uuid.uuid4().hex}/dev", self.options)

    def client(self, service: str = "s3", **options: Any) -> Any:
        """The same server by AWS's own client."""
        import boto3

        return boto3.client(
            service,
            **{
                "endpoint_url": self.endpoint,
                "aws_access_key_id": self.access_key,
                "aws_secret_access_key": self.secret_key,
                "region_name": "us-east-1",
                **options,
            },
        )


def made(bucket: Bucket) -> Bucket:
    """A bucket that is there from now on."""
    bucket.client().create_bucket(Bucket=bucket.name)
    return bucket


@pytest.fixture(scope="session")
def moto() -> Iterator[Bucket]:
    """A bucket of moto's server."""
    with servers.moto() as endpoint:
        yield made(Bucket(endpoint, "somebody", "something-secret"))


@pytest.fixture(scope="session")
def ceph_gateway() -> Iterator[ceph.Gateway]:
    """Ceph's gateway itself."""
    with ceph.running() as served:
        yield served


@pytest.fixture(scope="session")
def gateway(ceph_gateway: ceph.Gateway) -> Bucket:
    """A bucket of Ceph's gateway."""
    return made(Bucket(ceph_gateway.endpoint, ceph.ACCESS_KEY, ceph.SECRET_KEY))


@pytest.fixture(params=["moto", "gateway"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """A bucket, of each kind of server."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["disk", "moto", "gateway"])
def lake(request: pytest.FixtureRequest, tmp_path) -> Lake:
    """An empty lake, on each kind of store."""
    if request.param == "disk":
        return Lake(str(tmp_path / "lake" / "dev"))
    return request.getfixturevalue(request.param).lake()
