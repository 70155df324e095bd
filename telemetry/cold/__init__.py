"""Cold storage: sealed days in Parquet files, in a folder or an S3 bucket. Imported only where COLD_URL is set."""
