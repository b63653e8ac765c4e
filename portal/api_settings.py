"""How the partner API answers and describes itself; the same in every installation."""

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["partners.identity.PartnerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "partners.problems.problem",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Offpeak partner API",
    "DESCRIPTION": "Plan events in the programs granted to you and see what became of them.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "PREPROCESSING_HOOKS": ["partners.api.openapi.only_the_api"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "partners.api.openapi.with_problems",
    ],
    "ENUM_NAME_OVERRIDES": {
        "EnrollmentState": "enrollments.states.EnrollmentState",
        "EventState": "dr_events.states.EventState",
        "DeliveryState": "dr_events.states.Delivery",
        "Participation": "dr_events.states.Participation",
        "Response": "dr_events.states.Response",
        "ObstacleCode": "enrollments.states.Ineligible",
        "ReasonCode": "partners.api.shapes.REASONS",
        "Unit": "partners.api.shapes.UNITS",
        "Scenario": "partners.states.Scenario",
        "NoticeKind": "partners.api.figure_shapes.ABOUT_EVENTS",
        "NoticeState": "enrollments.states.NoticeState",
        "Kind": "partners.api.hook_shapes.KINDS",
        "MessageType": "partners.states.Happened",
        "WebhookState": "partners.states.HookState",
        "MessageState": "partners.states.PostState",
        "Period": "partners.api.figure_shapes.PERIODS",
        "Part": "partners.api.figure_shapes.PARTS",
    },
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}
