from django.urls import path

from enrollments import views

urlpatterns = [
    path("programs/", views.landing, name="landing"),
    path("programs/<slug:slug>/", views.program, name="program"),
    path("join/<slug:slug>/", views.join, name="join"),
    path("join/<slug:slug>/agree/", views.join_agree, name="join_agree"),
    path("join/<slug:slug>/answer/", views.join_answer, name="join_answer"),
    path("join/<slug:slug>/connect/", views.join_connect, name="join_connect"),
    path("join/<slug:slug>/check/", views.join_check, name="join_check"),
    path("join/<slug:slug>/enroll/", views.join_enroll, name="join_enroll"),
    path("connect/callback/", views.connect_callback, name="connect_callback"),
]
