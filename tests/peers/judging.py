"""What datacontract-cli says of contracts and tables: run by the Python of its own environment.

Reads a JSON list of `[verb, file]` from standard input, the verb being `lint` or `test`, and writes
a list of what was found of each: the result, and the keys of the checks that failed.
"""

import json
import logging
import sys

from datacontract.data_contract import DataContract


def judged(verb: str, file: str) -> dict[str, object]:
    """The result of a contract's checks, and the keys of those that failed."""
    run = getattr(DataContract(data_contract_file=file), verb)()
    failed = [check for check in run.checks if getattr(check.result, "value", "") != "passed"]
    return {
        "result": run.result.value,
        "failed": [c.key or c.name for c in failed if getattr(c.result, "value", "") != "warning"],
        "reasons": [f"{check.name}: {check.reason}" for check in failed],
        "checks": len(run.checks),
    }


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    found = [judged(verb, file) for verb, file in json.load(sys.stdin)]
    json.dump(found, sys.stdout)
