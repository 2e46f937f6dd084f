"""Roles of Ceph's gateway, and the policies that they are made of."""

import json
import uuid

from tests.behaviour.stores import Bucket


def statement(*actions: str, principal=None, resource=None, effect: str = "Allow") -> dict:
    """One statement of a policy."""
    told = {"Effect": effect, "Action": list(actions)}
    told |= {"Principal": principal} if principal else {}
    told |= {"Resource": resource if isinstance(resource, list) else [resource]} if resource else {}
    return told


def document(*statements: dict) -> str:
    """A policy as Ceph reads it: without a space."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


def policy(*actions: str, principal=None, resource=None, effect: str = "Allow") -> str:
    """A policy of one statement."""
    told = statement(*actions, principal=principal, resource=resource, effect=effect)
    return document(told)


def a_role(
    gateway: Bucket,
    *may: str,
    denying: tuple[str, ...] = (),
    trusting: str = "",
    name: str = "",
) -> str:
    """The ARN of a new role that the gateway's user may assume, and sessions of `denying` may not.

    It may do everything with every bucket unless said otherwise. `self` in `denying` is itself.
    With `trusting`, sessions of that role assume it in place of the user.
    """
    iam, chosen = gateway.client("iam"), name or f"role-{uuid.uuid4().hex[:12]}"
    trusted = {"AWS": [trusting or f"arn:aws:iam:::user/{gateway.access_key}"]}
    statements = [statement("sts:AssumeRole", principal=trusted)]
    for arn in denying:
        refused = {"AWS": [f"arn:aws:iam:::role/{chosen}" if arn == "self" else arn]}
        statements.append(statement("sts:AssumeRole", principal=refused, effect="Deny"))
    made = iam.create_role(RoleName=chosen, AssumeRolePolicyDocument=document(*statements))
    everything = policy(*(may or ("s3:*",)), resource="arn:aws:s3:::*")
    iam.put_role_policy(RoleName=chosen, PolicyName="all", PolicyDocument=everything)
    arn: str = made["Role"]["Arn"]
    return arn


def a_reader_role(gateway: Bucket, trusting: str = "") -> str:
    """A role to lend credentials under, as the guide has it."""
    may = ("s3:GetObject", "s3:ListBucket")
    return a_role(gateway, *may, denying=("self",), trusting=trusting)
