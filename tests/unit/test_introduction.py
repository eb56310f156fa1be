"""What the agent is told about a customer when a session opens: `conversation.introduction`."""

from connector.chat import Attachment, Chat, Message, MessageStatus, Person, Role
from connector.conversation.introduction import metadata, variables
from connector.conversation.question import question
from tests.unit.payloads import ACCOUNT, OTHER_USER, SENT_AT, USER

IDS = {
    "chat": "66f1c0ffee",
    "account": ACCOUNT,
    "user": USER,
    "other": OTHER_USER,
    "mid": "aWdfZAG1",
    "quoted": "aWdfZAG2",
}
PERSON = Person("ada", "Ada", SENT_AT)
REFERRAL = {"ref": "spring", "source": "ADS", "ads_context_data": {"ad_title": "Shoes"}, "sender": {"id": OTHER_USER}}


def _message(mid, text, **fields):
    return Message(f"mid:{mid}", Role.USER, text, MessageStatus.RECEIVED, SENT_AT, id=f"id of {mid}", mid=mid, **fields)


def _chat():
    quoted = _message(IDS["quoted"], "do you ship?")
    asked = _message(
        IDS["mid"], "Show me what others wrote", reply_to={"mid": quoted.mid}, attachments=(Attachment("image", None),)
    )
    return Chat(IDS["chat"], ACCOUNT, USER, messages=(quoted, asked), person=PERSON, referral=REFERRAL)


def test_d13_nothing_that_the_agent_reads_holds_an_id_that_a_customer_could_ask_for():
    chat = _chat()
    read = [*variables(chat).values(), question(chat, chat.messages)]
    assert {name: one for name, one in IDS.items() for text in read if one in text} == {}
    assert "do you ship?" in read[-1], "the test is about what is really told"


def test_what_fills_the_prompt_is_who_writes_and_what_brought_them():
    assert variables(_chat()) == {
        "channel": "instagram",
        "instagram_username": "ada",
        "instagram_name": "Ada",
        "referral_ref": "spring",
        "referral_source": "ADS",
        "referral_ad_title": "Shoes",
    }
    assert variables(Chat("c", ACCOUNT, USER)) == {"channel": "instagram"}


def test_the_session_can_be_found_again_by_the_ids_that_its_reports_bear():
    told = metadata(_chat(), "chat_1")
    assert (told["userId"], told["accountId"], told["previousChatId"]) == (USER, ACCOUNT, "chat_1")
    assert "previousChatId" not in metadata(_chat(), None)


def test_a_referral_of_any_other_form_and_any_length_is_no_reason_to_fail():
    for referral in (None, {}, {"ref": {}, "product": [], "ads_context_data": "x"}, {"ref": None, "source": True}):
        assert set(variables(Chat("c", ACCOUNT, USER, referral=referral))) <= {"channel", "referral_source"}
    (told,) = set(variables(Chat("c", ACCOUNT, USER, referral={"ref": "x" * 100_000})).values()) - {"instagram"}
    assert len(told) == 500
