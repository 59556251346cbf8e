"""Asks ClickHouse with clickhouse-connect as the user who may only read, and prints what it got as JSON.

Usage: query.py HOST PORT DATABASE USER PASSWORD < JSON {name: sql}
"""
import json
import sys

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError

host, port, database, user, password = sys.argv[1:]
client = clickhouse_connect.get_client(
    host=host, port=int(port), database=database, username=user, password=password, compress="lz4"
)
answers = {}
for name, sql in json.load(sys.stdin).items():
    try:
        result = client.query(sql)
        answers[name] = {
            "columns": list(result.column_names),
            "types": [column.name for column in result.column_types],
            "rows": [list(row) for row in result.result_rows],
        }
    except DatabaseError as error:
        answers[name] = {"error": str(error)}
json.dump(answers, sys.stdout, default=str)
