"""Where live connections of the marketplace lead."""

from django.urls import path

from marketplace.consumers import MarketConsumer

websocket_urlpatterns = [path("live/market/<uuid:household_id>/", MarketConsumer.as_asgi())]
