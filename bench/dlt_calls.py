"""Loads the same pages with dlt's ``rest_api`` into DuckDB: ``python dlt_calls.py URL FIRST LAST FOLDER``."""

import sys

import dlt  # type: ignore[import-not-found]  # only in the environment that bench/pull.py makes
from dlt.sources.rest_api import rest_api_source  # type: ignore[import-not-found]

url, first, last, folder = sys.argv[1:]
source = rest_api_source(
    {
        "client": {"base_url": url},
        "resources": [
            {
                "name": "calls",
                "primary_key": "call_id",
                "write_disposition": "merge",
                "endpoint": {
                    "path": "calls",
                    "params": {"start_date": first, "end_date": last, "limit": 500},
                    "data_selector": "calls",
                    "paginator": {"type": "page_number", "base_page": 1, "total_path": "meta.total_pages"},
                },
            }
        ],
    }
)
pipeline = dlt.pipeline("calls", destination=dlt.destinations.duckdb(f"{folder}/calls.duckdb"), dataset_name="phone")
pipeline.run(source)
with pipeline.sql_client() as client:
    print(client.execute_sql("SELECT count(*) FROM calls")[0][0])
