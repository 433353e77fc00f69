"""The SQL of S3 Select: one SELECT over the records of one object. Pure.

    query = s3select.read("SELECT s.name FROM S3Object s WHERE s.age > 30 LIMIT 5")
    run = s3select.Run(query, header, now)          # header: names of the columns, () for columns by number, None for JSON
    for record in records.csv(pieces, records.Csv()):
        run.take(record, out)                       # out(names, values) for each record of the result
    run.end(out)
"""
from . import parquet, records
from .errors import Invalid
from .parser import Query, read
from .run import Run

__all__ = ["Invalid", "Query", "Run", "parquet", "read", "records"]
