"""For each rule of the code: samples that it must find, and samples beside them that it must not."""

import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Samples:
    bad: tuple[str, ...]
    good: tuple[str, ...]


def _lines(text: str) -> tuple[str, ...]:
    """Return the samples of a text: they are separated by blank lines."""
    return tuple(textwrap.dedent(text).strip().split("\n\n"))


SAMPLES = {
    "unverified-jwt": Samples(
        bad=_lines("""
            import jwt
            jwt.decode(token, options={"verify_signature": False})

            from jwt import decode as read
            read(token, key, algorithms=["HS256"], options={"verify_exp": False})

            import jwt
            jwt.decode(token, key)

            import jwt
            jwt.decode(token, key, algorithms=["HS256", "none"])

            import jwt as tokens
            tokens.decode(token, key, algorithms=[tokens.get_unverified_header(token)["alg"]])

            import jwt
            jwt.decode(token, key, algorithms=header["alg"])

            import jwt
            jwt.decode(token, key, algorithms=["HS256"], options=OPTIONS)

            import jwt
            jwt.decode(token, key, **settings)

            import jwt
            claims = jwt.decode_complete(token, key, verify=False, algorithms=["HS256"])

            import jwt
            read = partial(jwt.decode, options={"verify_signature": False})

            payload = token.split(".")[1]
            claims = json.loads(urlsafe_b64decode(payload + "=="))

            import base64
            _, payload, _ = request.authorization.split(".")
            base64.b64decode(payload)

            from jwt import PyJWT
            PyJWT({"verify_signature": False}).decode(token)
        """),
        good=_lines("""
            import jwt
            jwt.decode(token, key, algorithms=["HS256"])

            import jwt
            jwt.decode(token, key, algorithms=["HS256"] if keys else ["RS256", "ES256"], options={"require": ["exp"]})

            import jwt
            jwt.decode(token, key, algorithms=["HS256"], options={"verify_aud": audience is not None})

            body.decode("utf-8")
        """),
    ),
    "variable-time-comparison": Samples(
        bad=_lines("""
            signature == expected

            if headers["x-hub-signature-256"] != f"sha256={expected}": pass

            hmac.new(key, body, sha256).hexdigest() == given

            given == request.app_secret

            headers.get("X-Hub-Signature") == given

            token in known

            verify_token.encode() in [one.encode() for one in known]

            if (digest := sha256(body).digest()) == given: pass

            given.startswith(signature)

            import operator
            operator.eq(given, access_token)

            body["apiKey"] == key

            str(password) != given

            (user, password) == credentials

            signature[:32] == given[:32]

            expected = hmac.new(key, body, sha256).hexdigest()
            if expected != given: pass

            sig == other
        """),
        good=_lines("""
            hmac.compare_digest(signature, expected)

            token is None

            token == ""

            token.kind == "page"

            token_count == other_count

            kind == Kind.TOKEN

            "signature" in headers

            len(signature) == 64

            key == other_key

            scheme.startswith("token")
        """),
    ),
    "operator-from-input": Samples(
        bad=_lines("""
            chats.find({"$where": f"this.userId == '{user_id}'"})

            pipeline = [{"$set": {"a": {"$function": {"body": body, "args": [], "lang": "js"}}}}]

            chats.find({"at": {f"${operator}": at}})

            chats.find({"at": {"$" + operator: at}})

            wanted["$%s" % operator] = at

            name = "${}".format(operator)
        """),
        good=_lines("""
            chats.find({"at": {"$gte": at}})

            {"$set": {"budget": {"$add": [f"${budget}.used", 1]}}}

            {name: f"${name}" for name in FIELDS}

            f"messages.{index}.text"

            price = "$" + "5"
            price = "5"
        """)[:4],
    ),
    "filter-from-input": Samples(
        bad=_lines("""
            def read(event):
                return chats.find_one({"userId": event["userId"]})

            def read(body: dict[str, Any]):
                return chats.find_one({"userId": body.get("userId")})

            def read(body):
                user_id = body["userId"]
                return chats.find({"tenant": tenant, "userId": user_id})

            def read(body):
                wanted = {"at": {"$in": body["ids"]}}
                return chats.delete_many(tenant | wanted)

            import json
            def read(text):
                chats.find_one(json.loads(text))

            import json
            def read(text: str):
                chats.update_one({"key": json.loads(text)["key"]}, {"$set": {}})

            def read(request):
                chats.find_one({**request.args})

            def read():
                chats.find_one({"userId": app.current_event.json_body["userId"]})

            def read(body):
                for key in body["keys"]:
                    chats.delete_one({"key": key})

            def read(body):
                if user := body.get("user"):
                    chats.count_documents(filter={"user": user})

            def read(body):
                chats.find_one({body["field"]: 1})

            def store(body):
                chats.update_one({"key": key}, {"$set": body["fields"]})

            def store(request):
                chats.insert_one(request.json())

            def read(body):
                chats.aggregate([{"$match": {"user": body["user"]}}])
        """),
        good=_lines("""
            def read(event):
                return chats.find_one({"userId": str(event["userId"])})

            def read(event: Event):
                return chats.find_one({"userId": event.user_id})

            def read(body):
                return chats.find_one({"userId": {"$eq": body["userId"]}})

            def read(body):
                wanted = Wanted.model_validate(body)
                return chats.find_one({"userId": wanted.user_id})

            def read(user_id: str):
                return chats.find_one({"userId": user_id})

            def read(body):
                return body["text"].find("a")
        """),
    ),
    "repeated-post": Samples(
        bad=_lines("""
            from urllib3 import Retry
            Retry(3, allowed_methods=None)

            from urllib3.util import Retry
            Retry(total=3, allowed_methods=["GET", "POST"])

            from urllib3.util.retry import Retry
            Retry(total=3, allowed_methods=METHODS)

            from urllib3 import Retry
            Retry.DEFAULT_ALLOWED_METHODS = {"POST"}

            from tenacity import retry
            @retry
            def ask(): session.post(url, timeout=1)

            for _ in range(3):
                session.post(url, json=body, timeout=1)

            for pause in (1, 2, 4):
                try:
                    transport.send("POST", "create-chat", json=body)
                except TryLater:
                    sleep(pause)

            for pause in (1, 2, 4):
                session.post(url, json=body | {"pause": pause}, timeout=pause)

            answers = [session.post(url, json=body, timeout=1) for _ in range(3)]

            while True:
                session.request(method="POST", url=url, timeout=1)

            while not done:
                urlopen(url, data=body, timeout=1)

            while True:
                try:
                    return transport.send("POST", "create-chat", json=body)
                except TryLater:
                    pass

            while True:
                try:
                    answer = graph.change("POST", path, json=body)
                    break
                except TryLater:
                    continue

            try:
                session.post(url, json=body, timeout=1)
            except Timeout:
                session.post(url, json=body, timeout=9)

            def send(): return session.post(url, json=body, timeout=1)
            def ask():
                for _ in range(2): send()

            class Client:
                def send(self, body): return self.session.request("POST", url, json=body, timeout=1)
                def ask(self, body):
                    while not self.send(body): sleep(1)

            def ask(body):
                try:
                    return session.post(url, json=body, timeout=1)
                except Timeout:
                    return ask(body)
        """),
        good=_lines("""
            from urllib3 import Retry
            Retry(3, allowed_methods=["GET"])

            from urllib3 import Retry
            Retry(3)

            for part in parts:
                session.post(url, json=part, timeout=1)

            for part in parts:
                body = body_of(part)
                transport.send("POST", "messages", json=body)

            for _ in range(3):
                session.get(url, timeout=1)

            @app.post("/send")
            def send(): return answer()

            while waiting():
                transport.send("GET", "messages")
        """),
    ),
    "call-without-timeout": Samples(
        bad=_lines("""
            import requests
            requests.get(url)

            import requests
            session = requests.Session()
            session.post(url, json=body)

            import requests
            with requests.Session() as client:
                client.get(url, timeout=None)

            import requests
            class Client:
                def __init__(self): self._http = requests.Session()
                def get(self): return self._http.request("GET", url, timeout=(3, None))

            from urllib.request import urlopen
            urlopen(url)

            import urllib3
            pool = urllib3.PoolManager()
            pool.request("GET", url)

            import socket
            socket.create_connection(address)

            from http.client import HTTPSConnection
            HTTPSConnection(host)

            import boto3
            boto3.client("ssm")

            import boto3
            boto3.Session().client("ssm")

            from pymongo import MongoClient
            MongoClient(uri)
        """),
        good=_lines("""
            import requests
            requests.get(url, timeout=3)

            import requests
            session = requests.Session()
            session.post(url, json=body, timeout=(3.05, seconds))

            from urllib.request import urlopen
            urlopen(url, timeout=3)

            import boto3
            boto3.client("ssm", config=IMPATIENT)

            from pymongo import MongoClient
            MongoClient(uri, timeoutMS=8_000)

            settings.get("url")
        """),
    ),
    "unquoted-path": Samples(
        bad=_lines("""
            transport.get(f"get-chat/{chat_id}")

            self._graph.change("POST", f"{self._graph.node_id}/messages", json=body)

            graph.get("me/" + user_id, {})

            graph.get("%s/messages" % user_id, {})

            graph.get("{}/messages".format(user_id), {})

            graph.get("/".join([user_id, "messages"]), {})

            class Client:
                def __init__(self, graph): self._messages = f"{graph.node_id}/messages"
                def send(self): self._graph.change("POST", self._messages)

            url = f"https://graph.facebook.com/{page_id}"

            session.get(f"{self._base_url}/{path}", timeout=1)

            url = base_url + "/" + user_id

            url = "https://ig.me/m/%s" % username

            url = base_url + path

            url = "https://graph.facebook.com/{}/messages".format(page_id)

            from urllib.parse import urljoin
            url = urljoin(base_url, user_id)

            graph.get(path=f"me?fields={fields}")

            url = f"https://ig.me/m/{quote(username)}?ref={ref}"
        """),
        good=_lines("""
            transport.get(("get-chat", chat_id))

            transport.get("get-chat")

            graph.get(f"{quote(user_id, safe='')}/messages", {})

            url = f"https://ig.me/m/{quote(username, safe='')}"

            url = f"{page}?{urlencode(query)}"

            session.get(f"{self._base_url}/{quoted(path)}", timeout=1)

            key = f"{subaccount_id}/{agent_id}"

            text = f"{url} answered {status}"

            parameters.get(f"subaccounts/{subaccount_id}/retell-api-key")
        """),
    ),
}
