"""Calls and messages as files, one for each day: CSV, JSON lines or Parquet."""
