"""Returns the subnets and security groups of a connector's workers to CloudFormation.

The code of the custom resource in sam/template.yaml and ecs/template.yaml, which contain a copy of it.
"""

import json
import urllib.request

import boto3


def handler(event, _):
    name = event["ResourceProperties"]["Connector"]
    response = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    response |= {"Status": "SUCCESS", "PhysicalResourceId": f"workers-of-{name}"}
    try:
        if event["RequestType"] != "Delete":
            response["Data"] = workers(name)
    except Exception as error:  # noqa: BLE001 - without a response, CloudFormation waits for an hour
        response |= {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"[:1000]}
    body = json.dumps(response).encode()
    request = urllib.request.Request(event["ResponseURL"], body, {"Content-Type": ""}, method="PUT")
    urllib.request.urlopen(request, timeout=20).close()


def workers(name):
    kafkaconnect = boto3.client("kafkaconnect")
    pages = kafkaconnect.get_paginator("list_connectors").paginate(connectorNamePrefix=name)
    found = [each for page in pages for each in page["connectors"] if each["connectorName"] == name]
    if not found:
        raise LookupError(f"no connector {name} in this account and Region")
    connector = kafkaconnect.describe_connector(connectorArn=found[0]["connectorArn"])
    vpc = connector["kafkaCluster"]["apacheKafkaCluster"]["vpc"]
    return {"Subnets": ",".join(vpc["subnets"]), "SecurityGroups": ",".join(vpc["securityGroups"])}
