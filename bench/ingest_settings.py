"""The product's settings, with the two measuring views beside the product's own URLs."""

from config.settings import *  # noqa: F403 everything, then what differs

ROOT_URLCONF = "bench.ingest_site"
# One client asks as fast as it can: how often one may is not what is measured.
API_RATES = dict.fromkeys(API_RATES, 10_000_000)  # noqa: F405 from the product's settings
