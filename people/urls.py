"""Addresses of the team, the activity log and one's own devices."""

from django.urls import path

from people.views import audit, mine, team

urlpatterns = [
    path("console/audit/", audit.audit, name="audit"),
    path("console/audit.csv", audit.audit_csv, name="audit_csv"),
    path("console/people/", team.people, name="people"),
    path(
        "console/people/invitations/<int:invitation_id>/withdraw/",
        team.withdraw_invitation,
        name="withdraw_invitation",
    ),
    path("console/people/<int:user_id>/", team.person, name="person"),
    path("console/people/<int:user_id>/role/", team.person_role, name="person_role"),
    path(
        "console/people/<int:user_id>/deactivate/",
        team.person_deactivate,
        name="person_deactivate",
    ),
    path(
        "console/people/<int:user_id>/reactivate/",
        team.person_reactivate,
        name="person_reactivate",
    ),
    path("console/people/<int:user_id>/reset-mfa/", team.person_reset_mfa, name="person_reset_mfa"),
    path(
        "console/people/<int:user_id>/devices/<int:session_id>/end/",
        team.person_end_session,
        name="person_end_session",
    ),
    # Below the account pages, and before allauth's own page of this name.
    path("accounts/sessions/", mine.devices, name="devices"),
    path("accounts/sessions/<int:session_id>/end/", mine.end_device, name="end_device"),
    # Anything below is taken, so that a mangled token ends on the same page and in no log.
    path("invitation/<path:token>/", mine.invitation, name="invitation"),
]
