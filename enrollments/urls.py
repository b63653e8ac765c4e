from django.urls import path

from enrollments.views import (
    answering,
    applications,
    callback,
    customers,
    joining,
    proof,
    questions,
    stopping,
)

urlpatterns = [
    path("programs/", joining.landing, name="landing"),
    path("programs/<slug:slug>/", joining.program, name="program"),
    path("join/<slug:slug>/", joining.join, name="join"),
    path("join/<slug:slug>/agree/", joining.join_agree, name="join_agree"),
    path("join/<slug:slug>/account/", joining.join_account, name="join_account"),
    path("join/<slug:slug>/again/", joining.join_again, name="join_again"),
    path("join/<slug:slug>/stop/", stopping.join_stop, name="join_stop"),
    path("join/<slug:slug>/answer/", joining.join_answer, name="join_answer"),
    path("join/<slug:slug>/answers/", answering.join_answers, name="join_answers"),
    path("join/<slug:slug>/connect/", joining.join_connect, name="join_connect"),
    path("join/<slug:slug>/check/", joining.join_check, name="join_check"),
    path("join/<slug:slug>/enroll/", joining.join_enroll, name="join_enroll"),
    path("connect/callback/", callback.connect_callback, name="connect_callback"),
    path(
        "console/programs/<slug:slug>/questions/",
        questions.program_questions,
        name="program_questions",
    ),
    path(
        "console/programs/<slug:slug>/questions/<slug:key>/stop/",
        questions.question_stop,
        name="question_stop",
    ),
    path("console/applications/", applications.console_applications, name="console_applications"),
    path("console/applications/all.csv", applications.applications_csv, name="applications_csv"),
    path("console/systems/<int:system_id>/proof/", proof.proof_page, name="system_proof"),
    path("console/systems/<int:system_id>/proof.json", proof.proof_file, name="system_proof_file"),
    path("console/applications/weeks/", applications.applications_weeks, name="applications_weeks"),
    path("console/customers/", customers.console_customers, name="console_customers"),
    path("console/customers/upload/", customers.upload, name="customers_upload"),
    path(
        "console/customers/imports/<int:import_id>/",
        customers.customer_import,
        name="customer_import",
    ),
    path(
        "console/customers/imports/<int:import_id>/write/",
        customers.write_import,
        name="write_import",
    ),
    path(
        "console/customers/imports/<int:import_id>/drop/",
        customers.drop_import,
        name="drop_import",
    ),
    path(
        "console/customers/imports/<int:import_id>/faults.csv",
        customers.faults_csv,
        name="import_faults_csv",
    ),
]
