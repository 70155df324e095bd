"""Pages of households; each subject names its own paths in `views`."""

from django.urls import URLPattern, URLResolver

from myhouse.views import (
    accounts,
    appliances,
    household,
    household_settings,
    households,
    landing,
    operator,
    tariffs,
    uploads,
)

urlpatterns: list[URLPattern | URLResolver] = [
    *landing.urlpatterns,
    *accounts.urlpatterns,
    *households.urlpatterns,
    *household.urlpatterns,
    *household_settings.urlpatterns,
    *appliances.urlpatterns,
    *operator.urlpatterns,
    *tariffs.urlpatterns,
    *uploads.urlpatterns,
]
