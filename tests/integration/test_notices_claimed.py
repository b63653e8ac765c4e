"""Who sends which mail of the outbox: each is claimed by one sender, and in what order."""

from functools import partial

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from dr_events import mailing, tasks
from dr_events.models import Event
from dr_events.operations import noticing
from dr_events.queries import notices
from enrollments import operations as outbox
from enrollments import vendor_session
from enrollments.models import CarrierGrant, Notice
from enrollments.states import NoticeState
from enrollments.vendor_session import Refreshed
from tests import cast
from tests.cast import MORNING
from tests.integration.at_once import at_once
from tests.integration.conftest import Vendor
from tests.integration.post_office import PostOffice
from tests.integration.test_notices_sending import HOMES, WAITING, event, morning, office, states

__all__ = ["event", "morning", "office"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)


def test_eight_at_once_claim_each_notice_once(event: Event) -> None:
    claims = at_once([partial(outbox.claim_notices, now=MORNING, limit=1)] * 8)
    ids = [notice.pk for claimed in claims for notice in claimed]
    assert sorted(ids) == sorted(Notice.objects.values_list("pk", flat=True))


def test_what_is_put_off_is_not_claimed_along_with_what_is_due(event: Event) -> None:
    (first,) = outbox.claim_notices(now=MORNING, limit=1)
    outbox.put_off(notice=first, why="busy", real_now=timezone.now())
    claimed = outbox.claim_notices(now=MORNING, limit=10)
    assert first.pk not in {notice.pk for notice in claimed}
    assert len(claimed) == HOMES - 1


def test_a_sweep_done_by_eight_at_once_tells_everybody_once() -> None:
    summer = cast.program()
    cast.neighborhood(summer, 5)
    cast.scheduled(summer)
    added = at_once([partial(noticing.write_rounds, now=MORNING)] * 8)
    assert sorted(added) == [0] * 7 + [5]
    assert Notice.objects.count() == 5


def test_a_sender_that_died_keeps_its_mail_until_the_lease_is_over(
    event: Event, office: PostOffice
) -> None:
    (claimed,) = outbox.claim_notices(now=MORNING, limit=1)
    assert mailing.send_due(for_s=5) == HOMES - 1
    assert "home-0@home.example" not in office.addressees
    assert not notices.is_due(now=MORNING)
    Notice.objects.filter(pk=claimed.pk).update(lease_until=Now())
    assert mailing.send_due(for_s=5) == 1
    assert office.addressees[-1] == "home-0@home.example"
    assert outbox.drop(notice=claimed, why="too late") == 0, "the dead one has no say any more"
    assert Notice.objects.get(pk=claimed.pk).state == NoticeState.SENT


def test_only_the_last_to_claim_a_notice_has_a_say(event: Event) -> None:
    (dead,) = outbox.claim_notices(now=MORNING, limit=1)
    Notice.objects.filter(pk=dead.pk).update(lease_until=Now())
    alive = next(one for one in outbox.claim_notices(now=MORNING, limit=9) if one.pk == dead.pk)
    before = Notice.objects.filter(pk=dead.pk).values().get()
    assert outbox.sent(notice=dead, to="home-0@home.example", now=MORNING) == 0
    assert outbox.drop(notice=dead, why="too late") == 0
    assert outbox.put_off(notice=dead, why="too late", real_now=timezone.now()) == 0
    outbox.give_back(notices=[dead])
    assert Notice.objects.filter(pk=dead.pk).values().get() == before
    assert outbox.sent(notice=alive, to="home-0@home.example", now=MORNING) == 1


def test_a_lost_permission_goes_before_an_announcement_to_thousands(
    event: Event, office: PostOffice
) -> None:
    grant = cast.grant(cast.homeowner("zoe@home.example"))
    outbox.permission_lost(grant_id=grant.pk, why="refused", now=MORNING)
    mailing.send_due(for_s=0)
    assert office.addressees == ["zoe@home.example"]
    assert states()[:HOMES] == [WAITING] * HOMES, "what time was too short for is due again"
    assert Notice.objects.filter(lease_until__isnull=False).count() == 0


def test_a_permission_taken_back_at_carrier_is_mailed_when_a_renewal_finds_out(
    vendor: Vendor, office: PostOffice
) -> None:
    home = vendor.homes()[0]
    (system, *_) = vendor.enroll(cast.program(), [home])
    Notice.objects.all().delete()
    vendor.admin("POST", "act", user=home["username"], do="revoke")
    CarrierGrant.objects.update(access_expires_at=Now())
    assert vendor_session.refresh(system.grant_id) is Refreshed.FAILED
    assert vendor_session.refresh(system.grant_id) is Refreshed.FAILED
    tasks.mail()
    assert [(message["To"], message["Subject"]) for message in office.got] == [
        (f"{home['username']}@home.example", "Summer Peak: please connect again")
    ]
