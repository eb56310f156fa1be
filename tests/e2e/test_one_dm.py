"""One DM, all the way round, and what must not happen on the way."""

import base64
import io
import json
import time
from typing import Any

import requests
import zxingcpp
from PIL import Image

from tests.e2e.conftest import Agent, System, wait_for

# A mid as Meta makes them: 164 characters.
MID = "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQxNDAwMDAwMDAwMDAxOjM0MDI4MjM2Njg0MTcxMDMwMTI0NDI1OTc2NDk4NDMz"


def dm(account: dict[str, Any], customer: dict[str, Any], text: str, mid: str = "") -> bytes:
    """A body as Meta sends it: compact, escaped unicode, `time` before `id`."""
    now = int(time.time() * 1000)
    message = {"mid": mid or f"{MID}{time.time_ns():0>60}", "text": text}
    item = {
        "sender": {"id": customer["userId"]},
        "recipient": {"id": account["instagramAccountId"]},
        "timestamp": now,
        "message": message,
    }
    entry = {"time": now + 400, "id": account["instagramAccountId"], "messaging": [item]}
    return json.dumps({"object": "instagram", "entry": [entry]}, separators=(",", ":")).encode("ascii")


def write(system: System, account: dict[str, Any], customer: dict[str, Any], text: str) -> None:
    path = f"users/{customer['userId']}/messages"
    system.simulator("POST", path, accountId=account["instagramAccountId"], text=text)


def thread(system: System, account: dict[str, Any], customer: dict[str, Any]) -> list[dict[str, Any]]:
    path = f"threads/{account['instagramAccountId']}/{customer['userId']}"
    return system.simulator("GET", path)["messages"]


def answers(system: System, account: dict[str, Any], customer: dict[str, Any]) -> list[str]:
    return [message["text"] for message in thread(system, account, customer) if message["via"] == "api"]


def texts(agent: Agent, role: str) -> list[str]:
    return [message["text"] for message in agent.messages() if message["role"] == role]


def test_a_customer_writes_and_the_agents_answer_arrives_and_both_are_stored(system, connected, account, customer):
    write(system, account, customer, "Привет 👋 when do you open?")

    (answer,) = wait_for(lambda: answers(system, account, customer), "the agent's answer at Instagram")
    assert "7:00" in answer
    newest, oldest = wait_for(
        lambda: (page := connected.messages())[0]["status"] == "delivered" and page, "the echo of our own answer"
    )
    assert (oldest["role"], oldest["text"], oldest["status"]) == ("user", "Привет 👋 when do you open?", "answered")
    assert (newest["role"], newest["text"]) == ("agent", answer)
    assert newest["mid"] == thread(system, account, customer)[-1]["mid"]
    assert newest["chatId"] == oldest["chatId"] is not None
    assert len(oldest["mid"]) == 164


def test_the_stored_chat_bears_the_channel_and_the_tenant(system, connected, account, customer, mongo_of):
    write(system, account, customer, "hello")
    wait_for(lambda: answers(system, account, customer), "an answer")

    (chat,) = mongo_of(system)["chats"].find({"metadata.userId": customer["userId"]})
    assert chat["metadata"]["channel"] == "instagram"
    assert chat["metadata"]["instagramAccountId"] == account["instagramAccountId"]
    assert (chat["subaccountId"], chat["agentId"]) == (connected.subaccount_id, connected.agent_id)
    assert chat["status"] == "ongoing"


def test_the_same_customers_next_message_continues_the_same_retell_chat(system, connected, account, customer):
    for turn, text in enumerate(("first question", "second question"), start=1):
        write(system, account, customer, text)
        wait_for(lambda turn=turn: len(answers(system, account, customer)) == turn, f"answer {turn}")

    (chat_id,) = {message["chatId"] for message in connected.messages()}
    (chat,) = [chat for chat in system.retell("GET", "state")["chats"] if chat["chatId"] == chat_id]
    asked = [message["content"] for message in chat["messages"] if message["role"] == "user"]
    assert asked == ["first question", "second question"]


def test_four_quick_messages_are_one_question_and_one_answer(system, connected, account, customer):
    for text in ("hi", "one thing", "do you have", "oat milk?"):
        write(system, account, customer, text)

    wait_for(lambda: answers(system, account, customer), "an answer")
    wait_for(lambda: {m["status"] for m in connected.messages() if m["role"] == "user"} == {"answered"}, "all answered")
    assert len(answers(system, account, customer)) == 1


def test_a20_a_duplicate_delivery_changes_nothing(system, connected, account, customer):
    body = dm(account, customer, "only once")
    for _ in range(3):
        assert system.post_signed("/api/instagram/webhook", body).status_code == 200
    wait_for(lambda: answers_by_customer(system, customer), "an answer, or Meta's refusal of it")
    again = system.post_signed(f"{connected.path}/webhook", body)
    # Something that comes after it on the same way shows that the duplicate has been worked on.
    system.post_signed(f"{connected.path}/webhook", dm(account, customer, "and then this"))
    wait_for(lambda: len(texts(connected, "user")) == 2, "the second message")

    assert again.status_code == 200
    assert sorted(texts(connected, "user")) == ["and then this", "only once"]


def answers_by_customer(system: System, customer: dict[str, Any]) -> list[Any]:
    chats = system.retell("GET", "state")["chats"]
    return [chat for chat in chats if chat["metadata"].get("userId") == customer["userId"]]


def test_the_webhook_of_one_connection_takes_only_its_own_account(system, connected, account, customer):
    other = system.simulator("POST", "accounts", username=f"other_{time.time_ns()}")
    body = json.loads(dm(account, customer, "mine"))
    body["entry"].append(json.loads(dm(other, customer, "not mine"))["entry"][0])

    raw = json.dumps(body, separators=(",", ":")).encode()
    assert system.post_signed(f"{connected.path}/webhook", raw).status_code == 200

    wait_for(lambda: "mine" in texts(connected, "user"), "the message of the connection's account")
    assert texts(connected, "user") == ["mine"]


def test_a1_a2_a_wrong_or_missing_signature_is_a_401_and_nothing_is_stored(system, connected, account, customer):
    body = dm(account, customer, "forged")
    path = f"{connected.path}/webhook"
    for signature in ("sha256=" + "0" * 64, "", "sha1=" + "0" * 40, "sha256=", "garbage"):
        answer = system.post_signed(path, body, signature=signature)
        assert answer.status_code == 401, signature
        assert answer.json()["error"]["code"] == "unauthorized"

    system.post_signed(path, dm(account, customer, "real"))
    wait_for(lambda: "real" in texts(connected, "user"), "a real message after the forged ones")
    assert texts(connected, "user") == ["real"]


def test_a9_a10_a11_a13_signed_nonsense_is_accepted_and_logged_and_changes_nothing(system, connected):
    for body in (b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"object":"page","entry":[]}', b"[" * 50_000):
        answer = system.post_signed(f"{connected.path}/webhook", body)
        assert answer.status_code == 200, body[:20]

    assert connected.messages() == []
    assert "WebhookUnreadable" in (system.folder / "logs" / "webhook.log").read_text()


def test_a23_a24_meta_sets_the_callback_with_the_token_given_to_connect(system, connected):
    url = f"{system.run['apiUrl']}{connected.path}/webhook"
    ask = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "my-verification-token"}

    right = requests.get(url, params=ask, timeout=30)
    wrong = requests.get(url, params=ask | {"hub.verify_token": "guess"}, timeout=30)
    markup = requests.get(url, params=ask | {"hub.challenge": "<script>"}, timeout=30)

    assert (right.status_code, right.text) == (200, "1158201444")
    assert right.headers["Content-Type"].startswith("text/plain")
    assert wrong.status_code == 403
    assert "<script>" not in markup.text


def test_connect_answers_a_qr_code_that_a_reader_decodes_to_the_profile(agent, account):
    answer = agent.connect(account)

    assert answer.status_code == 200
    assert answer.json()["success"] is True
    data = answer.json()["data"]
    assert set(data) == {"qrCodeDataUrl", "instagramUrl", "username"}
    assert data["username"] == account["username"]
    assert data["instagramUrl"] == f"https://www.instagram.com/{account['username']}/"
    head, _, png = data["qrCodeDataUrl"].partition(",")
    assert head == "data:image/png;base64"
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(base64.b64decode(png))))
    assert code.text == data["instagramUrl"]


def test_connect_refuses_what_would_fail_later_and_says_why(system, agent, account):
    other = system.simulator("POST", "accounts", username=f"linked_{time.time_ns()}")
    dead = agent.connect(account | {"accessToken": "EAAnotatoken"})
    unlinked = agent.connect(account | {"pageId": other["pageId"], "accessToken": account["accessToken"]})

    assert (dead.status_code, dead.json()["error"]["code"]) == (400, "authentication_failed")
    assert dead.json()["error"]["message"].startswith("Authentication failed")
    assert unlinked.status_code == 400
    assert unlinked.json()["error"]["code"] in {"page_not_linked", "authentication_failed"}
    assert agent.call("GET", "status").json()["data"]["isConnected"] is False


def test_i1_an_account_can_have_one_agent_and_the_other_is_not_told_whose(system, connected, account):
    rival = system.agent(f"rival_{time.time_ns()}", "agent_rival")

    answer = rival.connect(account)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "account_in_use")
    assert connected.subaccount_id not in answer.text
    assert connected.agent_id not in answer.text


def test_status_tells_whether_and_to_what_the_agent_is_connected(agent, account):
    before = agent.call("GET", "status").json()["data"]
    agent.connect(account)
    after = agent.call("GET", "status").json()["data"]

    assert before["isConnected"] is False
    assert after["isConnected"] is True
    assert after["username"] == account["username"]
    assert after["instagramAccountId"] == account["instagramAccountId"]


def test_a_person_sends_and_it_arrives_and_is_stored_once(system, connected, account, customer):
    write(system, account, customer, "may I talk to a person?")
    wait_for(lambda: answers(system, account, customer), "an answer")

    answer = connected.call("POST", "send", {"to": customer["userId"], "message": "Here I am 🙂"})

    assert answer.status_code == 200, answer.text
    sent = answer.json()["data"]
    assert (sent["role"], sent["text"], sent["status"]) == ("human", "Here I am 🙂", "sent")
    assert answers(system, account, customer)[-1] == "Here I am 🙂"
    wait_for(lambda: connected.messages()[0]["status"] == "delivered", "the echo")
    assert texts(connected, "human") == ["Here I am 🙂"]


def test_what_a_person_types_in_the_instagram_app_is_stored_as_human(system, connected, account, customer):
    write(system, account, customer, "hello")
    wait_for(lambda: answers(system, account, customer), "an answer")
    path = f"accounts/{account['instagramAccountId']}/messages"
    system.simulator("POST", path, to=customer["userId"], text="typed on a phone")

    wait_for(lambda: texts(connected, "human") == ["typed on a phone"], "the person's message")


def test_e4_a_closed_window_ends_in_a_named_state_and_not_in_silence(system, connected, account, customer):
    # Signed by Meta's secret, but Meta itself knows of no DM of this customer: it refuses the answer.
    system.post_signed(f"{connected.path}/webhook", dm(account, customer, "anybody there?"))

    failed = wait_for(lambda: [m for m in connected.messages() if m["status"] == "failed"], "a failed answer")
    assert failed[0]["error"]["code"] in {"window_closed", "user_not_found"}
    wait_for(
        lambda: [m for m in connected.messages() if (m["role"], m["status"]) == ("user", "unanswered")],
        "the end of the question",
    )


def test_d9_a_long_answer_arrives_in_parts_that_instagram_takes(system, connected, account, customer):
    write(system, account, customer, "long")

    parts = wait_for(lambda: len(found := answers(system, account, customer)) >= 3 and found, "three parts")
    assert all(len(part.encode()) <= 1000 for part in parts)


def test_messages_are_paged_without_repeats_or_gaps(system, connected, account):
    people = [system.simulator("POST", "users", username=f"p{index}_{time.time_ns()}") for index in range(3)]
    bodies = [dm(account, person, f"{person['userId']} says {index}") for person in people for index in range(3)]
    for body in bodies:
        system.post_signed(f"{connected.path}/webhook", body)
    wait_for(lambda: len(texts(connected, "user")) == 9, "all nine")
    wait_for(lambda: "received" not in {m["status"] for m in connected.messages()}, "all turns ended")

    everything = [message["id"] for message in connected.messages("?limit=100")]
    paged, query = [], "?limit=4"
    while query:
        data = connected.call("GET", "messages", query=query).json()["data"]
        paged += [message["id"] for message in data["messages"]]
        query = f"?limit=4&cursor={data['nextCursor']}" if data["nextCursor"] else ""

    assert paged == everything
    one = connected.messages(f"?userId={people[0]['userId']}&limit=100")
    assert {message["userId"] for message in one} == {people[0]["userId"]}


def test_i4_after_disconnect_nothing_is_answered_and_the_chats_stay(system, connected, account, customer):
    write(system, account, customer, "hello")
    wait_for(lambda: answers(system, account, customer), "an answer")

    first, second = connected.call("POST", "disconnect"), connected.call("POST", "disconnect")
    sent = connected.call("POST", "send", {"to": customer["userId"], "message": "too late"})
    system.post_signed("/api/instagram/webhook", dm(account, customer, "still there?"))

    assert first.json() == second.json() == {"success": True, "data": {"isConnected": False}}
    assert (sent.status_code, sent.json()["error"]["code"]) == (409, "not_connected")
    assert connected.call("GET", "status").json()["data"]["isConnected"] is False
    assert texts(connected, "user") == ["hello"]


def test_no_route_lets_a_stranger_in(system, connected):
    stranger = system.token("another_subaccount")
    expired = system.token(connected.subaccount_id, exp=int(time.time()) - 3600, iat=int(time.time()) - 7200)
    other_agent = system.token(connected.subaccount_id, agentIds=["another_agent"])
    routes = [("POST", "connect"), ("GET", "status"), ("POST", "send"), ("GET", "messages"), ("POST", "disconnect")]
    for method, name in routes:
        for token, status, code in (
            (" ", 401, "unauthorized"),
            ("not.a.token", 401, "unauthorized"),
            (expired, 401, "unauthorized"),
            (stranger, 404, "not_found"),
            (other_agent, 404, "not_found"),
        ):
            answer = connected.call(method, name, {} if method == "POST" else None, token=token)
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), (method, name, token)
            assert answer.json()["success"] is False

    assert connected.call("GET", "status").json()["data"]["isConnected"] is True


def test_bodies_that_do_not_validate_name_the_field(connected):
    for body, field in (
        ({"message": "hi"}, "to"),
        ({"to": "1234567890123456"}, "message"),
        ({"to": "1234567890123456", "message": " "}, "message"),
        ({"to": "1234567890123456", "message": "é" * 501}, "message"),
        ({"to": {"$ne": None}, "message": "hi"}, "to"),
        ({"to": "1234567890123456", "message": "hi", "tag": "HUMAN_AGENT"}, "tag"),
    ):
        answer = connected.call("POST", "send", body)
        assert answer.status_code == 400, body
        error = answer.json()["error"]
        assert error["code"] == "invalid_request"
        assert [detail["field"] for detail in error["details"]] == [field]


def test_two_people_are_answered_at_the_same_time(system, connected, account):
    """The agent answers nobody before all three have asked: one turn after another would never get there."""
    people = [system.simulator("POST", "users", username=f"q{index}_{time.time_ns()}") for index in range(3)]
    questions = {f"hello from {one['userId']}" for one in people}
    system.retell("PUT", "faults", delay_seconds=300)
    try:
        for one in people:
            write(system, account, one, f"hello from {one['userId']}")
        wait_for(lambda: questions <= set(system.questions()), "three questions at once")
        assert not any(answers(system, account, one) for one in people)
    finally:
        system.retell("DELETE", "faults")
    wait_for(lambda: all(answers(system, account, one) for one in people), "three answers")


def test_no_secret_and_no_word_of_a_customer_is_in_any_log(system, agent, account, customer):
    word = f"canary{time.time_ns()}"
    agent.connect(account, verify_token=f"verify-{word}")
    write(system, account, customer, f"my secret is {word}")
    wait_for(lambda: answers(system, account, customer), "an answer")
    agent.call("POST", "send", {"to": customer["userId"], "message": f"person {word}"})
    agent.call("POST", "send", {"to": word, "message": f"bad {word}", word: word})
    agent.call("POST", "connect", {"accessToken": f"EAA{word}"})

    logs = system.logs()
    assert logs
    for secret in (word, account["accessToken"], system.run["appSecret"], system.run["jwtSecret"], customer["userId"]):
        assert secret not in logs


def test_a_body_is_json_whatever_its_label_says(system, connected, account, customer):
    write(system, account, customer, "hello")
    wait_for(lambda: answers(system, account, customer), "an answer")
    url = f"{system.run['apiUrl']}{connected.path}/send"
    headers = {"Authorization": f"Bearer {system.token(connected.subaccount_id)}"}
    body = json.dumps({"to": customer["userId"], "message": "Hello!"})

    for label in ("application/x-www-form-urlencoded", "text/plain", ""):
        answer = requests.post(url, data=body, headers=headers | {"Content-Type": label}, timeout=30)
        assert (answer.status_code, answer.json()["success"]) == (200, True), label


def test_a_query_that_says_more_than_the_route_understands_is_refused(connected):
    for query, field in (("?userid=1", "userid"), ("?limit[$gt]=1", "limit[$gt]"), ("?skip=3&limit=1", "skip")):
        answer = connected.call("GET", "messages", query=query)
        assert answer.status_code == 400, query
        assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]


def test_i12_a_person_in_the_instagram_app_takes_over_and_the_agent_is_silent(system, connected, account, customer):
    write(system, account, customer, "hello")
    wait_for(lambda: answers(system, account, customer), "an answer")
    path = f"accounts/{account['instagramAccountId']}/messages"
    system.simulator("POST", path, to=customer["userId"], text="I'll take it from here")
    wait_for(lambda: texts(connected, "human"), "the person's message")

    write(system, account, customer, "thank you")

    paused = wait_for(
        lambda: (newest := connected.messages()[0])["status"] == "unanswered" and newest, "the end of the turn"
    )
    assert (paused["text"], paused["error"]["code"]) == ("thank you", "paused")
    assert len(answers(system, account, customer)) == 1


def test_a_body_that_is_no_json_is_refused_and_never_a_crash(system, connected):
    url = f"{system.run['apiUrl']}{connected.path}/send"
    headers = {"Authorization": f"Bearer {system.token(connected.subaccount_id)}", "Content-Type": "application/json"}
    for body in (b"{", '{"to": "1"}'.encode("utf-16"), b"[" * 20_000, b'{"to": ' + b"9" * 5000 + b"}", b"\xff"):
        answer = requests.post(url, data=body, headers=headers, timeout=30)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request"), body[:20]


def test_the_consoles_token_is_given_to_this_machine_only(system):
    url = f"{system.run['apiUrl']}/console/config.json"
    assert "token" in requests.get(url, timeout=30).json()
    assert requests.get(url, headers={"Host": "elsewhere.example"}, timeout=30).status_code == 404
