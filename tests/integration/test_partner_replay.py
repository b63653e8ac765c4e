"""A message is asked for again: it is tried at once and once, and its waits begin anew."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from base import clock
from base.refusal import Refused
from partners import posting
from partners.models import Post, Webhook
from partners.operations import hooks, posts
from partners.rules import retries
from partners.states import Happened
from tests import cast
from tests.partner_hooks import DESK, hook
from tests.receiver import OK, Receiver

pytestmark = pytest.mark.django_db
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


def failed(at: datetime) -> Post:
    """The one message of the one webhook fails at this moment."""
    post = Post.objects.get()
    tried = posts.Tried(post.pk, 500, "It answered 500.", "", 1.0, at)
    posts.settle(hook_id=post.webhook_id, tries=[tried], dice=0.5)
    return Post.objects.get()


@pytest.mark.parametrize("how", ["replay", "resume"])
def test_waits_count_from_when_it_was_asked_for_again(how: str) -> None:
    real_now = timezone.now()
    made = hooks.make(
        client_id="leap", url="https://hooks.partner.example/in", kinds=[],
        actor=DESK, now=cast.MORNING, real_now=real_now,
    )  # fmt: skip
    hook_id = made.webhook_id
    hooks.send_test(hook_id=hook_id, actor=DESK, now=cast.MORNING, real_now=real_now)
    for place, wait in enumerate(retries.WAITS[:3]):
        at = real_now + timedelta(minutes=place)
        assert failed(at).next_try_at == at + wait
    if how == "replay":
        Webhook.objects.update(failing_since=None)  # another message arrived meanwhile
        post = failed(real_now + retries.GIVE_UP_AFTER)
        assert (post.state, Webhook.objects.get().state) == ("FAILED", "ACTIVE")
        posts.replay(post_id=post.pk, actor=DESK, now=cast.MORNING, real_now=timezone.now())
        tries = 4
    else:
        hooks.pause(hook_id=hook_id, actor=DESK, now=cast.MORNING, real_now=real_now)
        hooks.resume(hook_id=hook_id, actor=DESK, now=cast.MORNING)
        tries = 3
    later = real_now + timedelta(hours=9)
    again = failed(later)
    assert again.next_try_at == later + retries.WAITS[0]
    assert (again.state, again.tries, again.tries_since) == ("WAITING", tries + 1, 1)


@pytest.fixture
def in_trouble(receiver: Receiver) -> tuple[Webhook, list[Post]]:
    """A receiver that failed some times lately, with three messages: delivered, given up, waiting;
    it is not to be asked again for an hour."""
    receiver.answer = BUSY
    ours, _ = hook("leap", f"http://{receiver.host}/in")
    real_now = clock.real_now()
    made = []
    for place, state in enumerate(("DELIVERED", "FAILED", "WAITING"), start=-3):
        post = posts.compose(ours, Happened.TEST, place, {}, real_now + timedelta(seconds=place))
        post.state, post.next_try_at = state, real_now + timedelta(hours=1)
        post.save(force_insert=True)
        made.append(post)
    Webhook.objects.update(
        failures=6, failing_since=real_now, next_try_at=real_now + timedelta(hours=1)
    )
    return Webhook.objects.get(), made


def replay(post: Post) -> None:
    posts.replay(post_id=post.pk, actor=DESK, now=cast.MORNING, real_now=clock.real_now())


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_press_is_one_try_now_however_long_the_receiver_is_to_be_left_alone(
    in_trouble: tuple[Webhook, list[Post]], receiver: Receiver, place: int
) -> None:
    ours, made = in_trouble
    assert posting.post_due() == 0
    replay(made[place])
    with pytest.raises(Refused, match="about to be posted"):
        replay(made[place])
    assert posting.post_due() == 1
    assert posting.post_due() == 0
    assert [got.headers["offpeak-delivery"] for got in receiver.got] == [str(made[place].pk)]
    # The receiver's own waits are what they were: a press makes them neither longer nor shorter.
    after = Webhook.objects.get()
    assert (after.failures, after.next_try_at) == (6, ours.next_try_at)
    post = Post.objects.get(pk=made[place].pk)
    assert (post.state, post.asked_at, post.trouble) == ("WAITING", None, "It answered 503.")
    replay(made[place])
    assert posting.post_due() == 1
    assert len(receiver.got) == 2


def test_a_receiver_that_works_again_gets_all_that_waits(
    in_trouble: tuple[Webhook, list[Post]], receiver: Receiver
) -> None:
    _, made = in_trouble
    receiver.answer = OK
    replay(made[1])
    assert posting.post_due() == 1
    after = Webhook.objects.get()
    assert (after.failures, after.failing_since, after.next_try_at) == (0, None, None)
    Post.objects.update(next_try_at=None)  # an hour later
    assert posting.post_due() == 1
    states = Post.objects.order_by("sequence").values_list("state", "tries")
    assert list(states) == [("DELIVERED", 0), ("DELIVERED", 1), ("DELIVERED", 1)]


def test_many_presses_do_not_hammer_a_receiver_that_does_not_answer(
    in_trouble: tuple[Webhook, list[Post]], receiver: Receiver
) -> None:
    ours, made = in_trouble
    for post in made:
        replay(post)
    real_now = clock.real_now()
    hooks.send_test(hook_id=ours.pk, actor=DESK, now=cast.MORNING, real_now=real_now)
    assert posting.post_due() == 1
    assert posting.post_due() == 0  # the first answer is the answer to all of them
    assert [got.headers["offpeak-delivery"] for got in receiver.got] == [str(made[0].pk)]


def test_a_test_of_a_receiver_in_trouble_is_tried_now(
    in_trouble: tuple[Webhook, list[Post]], receiver: Receiver
) -> None:
    ours, _ = in_trouble
    real_now = clock.real_now()
    hooks.send_test(hook_id=ours.pk, actor=DESK, now=cast.MORNING, real_now=real_now)
    assert posting.post_due(only_healthy=True) == 0  # not while an event is being sent
    assert posting.post_due() == 1
    test = Post.objects.latest("sequence")
    assert receiver.got[0].headers["offpeak-delivery"] == str(test.pk)


def test_while_it_is_paused_a_press_waits_for_somebody_to_resume_it(
    in_trouble: tuple[Webhook, list[Post]], receiver: Receiver
) -> None:
    ours, made = in_trouble
    hooks.pause(hook_id=ours.pk, actor=DESK, now=cast.MORNING, real_now=clock.real_now())
    replay(made[0])
    assert posting.post_due() == 0
    receiver.answer = OK
    hooks.resume(hook_id=ours.pk, actor=DESK, now=cast.MORNING)
    assert posting.post_due() == 2  # and what waited
    assert receiver.got[0].headers["offpeak-delivery"] == str(made[0].pk)
