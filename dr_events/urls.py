"""Addresses of the console and of the homeowner's pages (docs/walks.md)."""

from django.urls import path

from dr_events.views import (
    console,
    designer,
    events,
    groups,
    home,
    mail,
    my_data,
    no,
    programs,
    seasons,
    serving,
    systems,
)

urlpatterns = [
    path("console/", console.console, name="console"),
    path("console/now/", console.console_now, name="console_now"),
    path("console/stop/", console.console_stop, name="console_stop"),
    path("console/release/", console.console_release, name="console_release"),
    path("console/systems/", systems.console_systems, name="console_systems"),
    path("console/systems/<int:system_id>/", systems.console_system, name="console_system"),
    path("console/systems/<int:system_id>/ask/<slug:key>/", systems.system_ask, name="system_ask"),
    path(
        "console/systems/<int:system_id>/ask/<slug:key>/fresh/",
        systems.system_fresh,
        name="system_fresh",
    ),
    path(
        "console/systems/<int:system_id>/switch-on/",
        systems.system_switch_on,
        name="system_switch_on",
    ),
    path("console/systems/<int:system_id>/pause/", serving.system_pause, name="system_pause"),
    path("console/systems/<int:system_id>/resume/", serving.system_resume, name="system_resume"),
    path(
        "console/systems/<int:system_id>/withdraw/",
        serving.system_withdraw,
        name="system_withdraw",
    ),
    path(
        "console/systems/<int:system_id>/replaced/",
        serving.system_replaced,
        name="system_replaced",
    ),
    path("console/programs/", programs.console_programs, name="console_programs"),
    path("console/programs/new/", programs.program_new, name="program_new"),
    path("console/programs/<slug:slug>/", programs.console_program, name="console_program"),
    path("console/programs/<slug:slug>/edit/", programs.program_edit, name="program_edit"),
    path("console/programs/<slug:slug>/touches/", programs.program_touches, name="program_touches"),
    path("console/programs/<slug:slug>/season/", seasons.season, name="season"),
    path("console/programs/<slug:slug>/credits.csv", seasons.credits_csv, name="credits_csv"),
    path("console/programs/<slug:slug>/terms/", programs.program_terms, name="program_terms"),
    path("console/programs/<slug:slug>/groups/", groups.groups, name="groups"),
    path("console/groups/<int:group_id>/", groups.group, name="group"),
    path("console/groups/<int:group_id>/change/", groups.group_change, name="group_change"),
    path("console/groups/<int:group_id>/add/", groups.group_add, name="group_add"),
    path(
        "console/groups/<int:group_id>/remove/<int:system_id>/",
        groups.group_remove,
        name="group_remove",
    ),
    path("console/groups/<int:group_id>/retire/", groups.group_retire, name="group_retire"),
    path("console/events/", events.console_events, name="console_events"),
    path("console/events/new/", designer.event_new, name="event_new"),
    path("console/events/preview/", designer.event_preview, name="event_preview"),
    path("console/events/<int:event_id>/", events.event, name="event"),
    path("console/events/<int:event_id>/board/", events.event_board, name="event_board"),
    path("console/events/<int:event_id>/edit/", designer.event_edit, name="event_edit"),
    path("console/events/<int:event_id>/indoors/", events.event_indoors, name="event_indoors"),
    path("console/events/<int:event_id>/resend/", events.event_resend, name="event_resend"),
    path("console/events/<int:event_id>/let-go/", events.event_let_go, name="event_let_go"),
    path("console/events/<int:event_id>/submit/", events.event_submit, name="event_submit"),
    path("console/events/<int:event_id>/approve/", events.event_approve, name="event_approve"),
    path(
        "console/events/<int:event_id>/send-back/", events.event_send_back, name="event_send_back"
    ),
    path("console/events/<int:event_id>/cancel/", events.event_cancel, name="event_cancel"),
    path("console/events/<int:event_id>/results/", events.event_results, name="event_results"),
    path(
        "console/events/<int:event_id>/results.csv",
        events.event_results_csv,
        name="event_results_csv",
    ),
    path("home/", home.my_home, name="my_home"),
    path("home/events/<int:dispatch_id>/opt-out/", home.opt_out, name="opt_out"),
    path("home/systems/<int:enrollment_id>/pause/", home.pause_system, name="pause_system"),
    path("home/systems/<int:enrollment_id>/resume/", home.resume_system, name="resume_system"),
    path(
        "home/systems/<int:enrollment_id>/withdraw/", home.withdraw_system, name="withdraw_system"
    ),
    path("home/systems/<int:enrollment_id>/replaced/", home.replaced, name="replaced"),
    path("home/data/", my_data.my_data, name="my_data"),
    path("home/data/download/", my_data.download, name="my_data_download"),
    path("home/data/delete/", my_data.delete, name="my_data_delete"),
    path("home/mail/", mail.my_mail, name="my_mail"),
    # Anything below is taken, so that a mangled token ends on the same page and in no log.
    path("o/<path:token>/", no.say_no, name="say_no"),
    path("m/<path:token>/", no.stop_mail, name="stop_mail"),
]
