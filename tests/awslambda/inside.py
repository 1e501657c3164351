"""The function in an isolated network: brokers that drop packets, a ClickHouse that responds. Prints JSON."""

from __future__ import annotations

import json

from tests.awslambda.runtime import Function
from tests.servers import peers
from tests.servers.aws_endpoint import AwsEndpoint
from tests.servers.aws_memory import Memory
from tests.servers.aws_world import World

SWALLOWED = ("10.0.7.7", "10.0.7.8", "10.0.7.9")
CLICKHOUSE = "10.0.1.20"
SECONDS = 40.0


def main() -> None:
    memory = Memory()
    with (
        AwsEndpoint(World({}, memory.services())) as aws,
        peers.http(body=b"Ok.\n", host=CLICKHOUSE) as peer,
        Function("netcheck.awslambda.handler", aws.environment()) as function,
    ):
        event = {
            "bootstrap": [f"{address}:9094" for address in SWALLOWED],
            "clickhouse": f"http://{CLICKHOUSE}:{peer.port}",
            "timeout": 2,
            "state": "s3://states-1",
            "topic": "arn:aws:sns:eu-west-1:111122223333:alarms",
        }
        answer = function.invoke(event, seconds=SECONDS)
        subjects = [message["Subject"] for message in memory.published]
        print(
            json.dumps(
                {
                    "report": answer.value,
                    "error": answer.error,
                    "seconds": answer.seconds,
                    "subjects": subjects,
                }
            )
        )


if __name__ == "__main__":
    main()
