"""Tables as files: CSV, JSON lines and Parquet; how a file takes the place of an older one."""
