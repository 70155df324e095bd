"""The product's settings, with the two measuring views beside the product's own URLs."""

from config.settings import *  # noqa: F403 everything, then what differs

ROOT_URLCONF = "bench.ingest_site"
