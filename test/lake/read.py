"""Reads an Iceberg table through a REST catalogue, and prints its rows as JSON: read.py <catalogue> <s3> <table>."""
import json
import sys

from pyiceberg.catalog.rest import RestCatalog

endpoint, s3, name = sys.argv[1:]
catalog = RestCatalog(
    "here",
    uri=endpoint,
    **{
        "s3.endpoint": s3,
        "s3.access-key-id": "local",
        "s3.secret-access-key": "local",
        "s3.region": "us-east-1",
        "s3.force-virtual-addressing": "false",
    },
)
table = catalog.load_table(name)
rows = table.scan().to_arrow().to_pylist()
of_one_day = table.scan(row_filter="event_time < '2026-01-11T00:00:00+00:00'").to_arrow().num_rows
print(json.dumps({"rows": rows, "ofOneDay": of_one_day}, default=str))
