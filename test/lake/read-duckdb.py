"""Reads an Iceberg table as read.py does, with DuckDB's own reader: read-duckdb.py <catalogue> <s3> <table>."""
import json
import sys

import duckdb
from duckdb_ext import get_extension_dir

endpoint, s3, name = sys.argv[1:]
connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
connection.execute("SET extension_directory = ?", (get_extension_dir(),))
for extension in ("avro", "httpfs", "iceberg"):
    connection.execute(f"LOAD {extension}")
connection.execute("SET TimeZone = 'UTC'")
connection.execute(
    f"""CREATE SECRET (TYPE s3, KEY_ID 'local', SECRET 'local', REGION 'us-east-1', URL_STYLE 'path', USE_SSL false,
        ENDPOINT '{s3.removeprefix("http://")}')"""
)
connection.execute(
    f"ATTACH 'here' AS lake (TYPE iceberg, ENDPOINT '{endpoint}', AUTHORIZATION_TYPE 'none', SUPPORT_NESTED_NAMESPACES false)"
)


def read(condition: str) -> list:
    result = connection.execute(f"SELECT * FROM lake.{name} WHERE {condition}")
    names = [column[0] for column in result.description]
    return [dict(zip(names, row)) for row in result.fetchall()]


of_one_day = len(read("event_time < '2026-01-11T00:00:00+00:00'"))
print(json.dumps({"rows": read("true"), "ofOneDay": of_one_day}, default=str))
