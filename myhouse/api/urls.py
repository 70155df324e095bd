"""REST API of households under /api/v1/."""

from django.urls import URLPattern, URLResolver

from myhouse.api import (
    accounts,
    appliances,
    households,
    metering,
    notices,
    schema,
    service_tokens,
    statistics,
    tariffs,
)
from myhouse.api.readings_urls import urlpatterns as readings_patterns

urlpatterns: list[URLPattern | URLResolver] = [
    *schema.urlpatterns,
    *accounts.urlpatterns,
    *notices.urlpatterns,
    *households.urlpatterns,
    *service_tokens.urlpatterns,
    *metering.urlpatterns,
    *appliances.urlpatterns,
    *statistics.urlpatterns,
    *tariffs.urlpatterns,
    *readings_patterns,
]
