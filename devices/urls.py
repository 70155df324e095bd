"""Pages of devices, below their household."""

from django.urls import URLPattern, URLResolver, path

from devices import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("households/<uuid:household_id>/devices/", views.devices, name="devices"),
    path("households/<uuid:household_id>/devices/new/", views.device_new, name="devices-new"),
    path("households/<uuid:household_id>/devices/<uuid:device_id>/rotate/", views.key_rotate, name="devices-rotate"),
    path(
        "households/<uuid:household_id>/devices/<uuid:device_id>/keys/<str:slot>/revoke/",
        views.key_revoke,
        name="devices-revoke",
    ),
    path(
        "households/<uuid:household_id>/devices/<uuid:device_id>/switch/", views.device_switch, name="devices-switch"
    ),
    path("households/<uuid:household_id>/swaps/<uuid:question_id>/", views.swap_answer, name="devices-swap"),
]
