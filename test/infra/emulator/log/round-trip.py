"""What a boto3 program does with a log. Its argument is the endpoint; it prints what it saw as JSON."""

import json
import sys

import boto3
from botocore.config import Config

kinesis = boto3.client(
    "kinesis",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="any",
    aws_secret_access_key="any",
    config=Config(retries={"total_max_attempts": 1}),
)

kinesis.create_stream(StreamName="boto3", ShardCount=2)
kinesis.get_waiter("stream_exists").wait(StreamName="boto3", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
put = kinesis.put_records(
    StreamName="boto3",
    Records=[{"PartitionKey": f"key {n} ü", "Data": bytes([n]) * n} for n in range(100)],
)

# Page by page and by hand: boto3's paginator sends StreamName with NextToken, which the service refuses.
records, request = [], {"StreamName": "boto3", "MaxResults": 1}
while request is not None:
    page = kinesis.list_shards(**request)
    request = {"NextToken": page["NextToken"]} if "NextToken" in page else None
    for shard in page["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName="boto3", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        answer = kinesis.get_records(ShardIterator=iterator, Limit=10_000)
        records += answer["Records"]

try:
    kinesis.describe_stream(StreamName="missing")
    error = None
except kinesis.exceptions.ResourceNotFoundException as refusal:
    error = refusal.response["Error"]

json.dump(
    {
        "failed": put["FailedRecordCount"],
        "intact": all(record["Data"] == bytes([len(record["Data"])]) * len(record["Data"]) for record in records),
        "sizes": sorted(len(record["Data"]) for record in records),
        "keys": sorted(record["PartitionKey"] for record in records),
        "arrived": max(record["ApproximateArrivalTimestamp"] for record in records).timestamp(),
        "error": error,
    },
    sys.stdout,
)
