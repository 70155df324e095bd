"""Where live connections lead."""

from django.urls import path

from myhouse.consumers import FlowConsumer

websocket_urlpatterns = [path("live/<uuid:household_id>/", FlowConsumer.as_asgi())]
