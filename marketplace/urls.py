"""Pages of the marketplace; each subject names its own paths in `views`."""

from django.urls import URLPattern, URLResolver

from marketplace.views import balance, book, buying, community, selling, trades

urlpatterns: list[URLPattern | URLResolver] = [
    *book.urlpatterns,
    *selling.urlpatterns,
    *buying.urlpatterns,
    *trades.urlpatterns,
    *balance.urlpatterns,
    *community.urlpatterns,
]
