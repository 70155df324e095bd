"""REST API of devices under /api/v1/."""

from django.urls import URLPattern, URLResolver, path

from devices import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("devices", api.Devices.as_view(), name="api-devices"),
    path("devices/swap-questions/<uuid:question_id>", api.SwapQuestions.as_view(), name="api-swap-question"),
    path("devices/<uuid:device_id>", api.OneDevice.as_view(), name="api-device"),
    path("devices/<uuid:device_id>/keys", api.Keys.as_view(), name="api-device-keys"),
    path("devices/<uuid:device_id>/keys/<str:slot>", api.OneKey.as_view(), name="api-device-key"),
    path("devices/<uuid:device_id>/channels", api.Channels.as_view(), name="api-device-channels"),
]
