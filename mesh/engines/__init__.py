"""Where a transform runs, when it is not Python in this process.

Owns dbt with DuckDB for SQL products (`dbt`). Given data, gives data: knows nothing of what is
published, and of who asked.
"""
