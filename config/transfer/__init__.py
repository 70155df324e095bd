"""Documents, time series and files of an installation as one neutral stream: from one to another, or into an archive.

An installation's settings follow from its DATABASE_URL, and one process has one: so reading, writing and comparing are
done by processes of their own (`__main__`), each set up for its place, and led by `run`.
"""
