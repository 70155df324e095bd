"""Paths of measurements, readings, exports and uploads below /api/v1/."""

from django.urls import path

from myhouse.api import hot, readings, uploads

urlpatterns = [
    path("households/<uuid:household_id>/measurements", readings.MeasurementsView.as_view()),
    path("households/<uuid:household_id>/latest", readings.LatestView.as_view()),
    path("households/<uuid:household_id>/uploads", uploads.UploadsView.as_view()),
    path("measurements/<uuid:measurement_id>/readings", hot.readings),
    path("measurements/<uuid:measurement_id>/buckets", hot.buckets),
    path("measurements/<uuid:measurement_id>/export.<str:form>", readings.ExportView.as_view()),
    path("uploads/<uuid:upload_id>", uploads.UploadView.as_view()),
    path("uploads/<uuid:upload_id>/preview", uploads.UploadPreviewView.as_view()),
    path("uploads/<uuid:upload_id>/start", uploads.UploadStartView.as_view()),
    path("uploads/<uuid:upload_id>/resume", uploads.UploadResumeView.as_view()),
]
