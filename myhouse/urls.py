"""Pages of households; each subject names its own paths in `views`."""

from django.urls import URLPattern, URLResolver

from myhouse.views import (
    accounts,
    appliances,
    displays,
    household,
    household_settings,
    households,
    landing,
    notices,
    operator,
    privacy,
    second_factor,
    service_tokens,
    tariffs,
    uploads,
)

urlpatterns: list[URLPattern | URLResolver] = [
    *landing.urlpatterns,
    *accounts.urlpatterns,
    *second_factor.urlpatterns,
    *households.urlpatterns,
    *household.urlpatterns,
    *household_settings.urlpatterns,
    *appliances.urlpatterns,
    *displays.urlpatterns,
    *notices.urlpatterns,
    *operator.urlpatterns,
    *privacy.urlpatterns,
    *service_tokens.urlpatterns,
    *tariffs.urlpatterns,
    *uploads.urlpatterns,
]
