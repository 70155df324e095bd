"""Where live connections lead."""

from django.urls import path

from myhouse.consumers import DisplayConsumer, FlowConsumer

websocket_urlpatterns = [
    path("live/<uuid:household_id>/", FlowConsumer.as_asgi()),
    path("live/display/<str:secret>/", DisplayConsumer.as_asgi()),
]
