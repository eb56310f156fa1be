"""The whole system on one machine: everything that template.yaml declares, and what stands around it on AWS."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import requests

from local.aws import Aws
from local.cors import Cors
from local.environments import Pool, runtime_variables
from local.errors import CannotStart
from local.folder import Folder
from local.gateway import Gateway
from local.poller import Poller
from local.scheduler import Scheduler
from local.services import Services
from local.settings import SUBACCOUNT, Settings
from local.simulators.meta.app import create_app as create_meta
from local.simulators.retell.app import create_app as create_retell
from local.simulators.server import serve
from local.site import create_site
from local.template import Function, Template, read_template

STACK = "instagram-connector"


class Stack:
    """One running system. Use it as a context: it stops what it has started, in reverse order."""

    def __init__(
        self, settings: Settings, folder: Folder, services: Services, say: Callable[[str], None] = print
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._services = services
        self._say = say
        self._running = ExitStack()
        self._logs = settings.folder / "logs"
        self._meta_url: str | None = None
        self.url = ""

    def __enter__(self) -> "Stack":
        """Start everything, and write run.json when it is ready.

        Raises:
            CannotStart: with a sentence that says what to do.
        """
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        try:
            self._start()
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self._running.close()

    def _start(self) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        aws = self._services.aws
        with self._step("Meta and Retell"):
            template = read_template()
            graph_url, instagram_url, retell_url = self._start_simulators()
        with self._step("SSM and SQS"):
            aws.wait_until_ready()
            queues = aws.create_queues(template.queues)
        with self._step("MongoDB"):
            mongodb_uri = self._services.wait_for_mongodb()
        self._put_secrets(aws, mongodb_uri)
        with self._step("functions"):
            pools = self._start_functions(template, aws, queues, graph_url, instagram_url, retell_url)
            self._start_site(pools, template.cors_for(self._settings.allowed_origins))
            self._start_pollers(pools, aws, queues)
        if self._meta_url:
            with self._step("webhook"):
                self._set_callback(self._meta_url)
        self._write_run(mongodb_uri, graph_url, instagram_url, retell_url)
        self._put_to_work([Scheduler(function, pool.invoke) for function, pool in pools if function.schedules])
        self._warm(pools)

    def _start_simulators(self) -> tuple[str, str, str]:
        settings = self._settings
        retell_url = settings.retell_url
        if not retell_url:
            state = settings.folder / "retell.json"
            retell = serve(create_retell(api_key=settings.retell_api_key, state_file=state))
            self._running.callback(retell.stop)
            retell_url = retell.url
        if not settings.facebook_graph_url:
            state = settings.folder / "meta.json"
            app = create_meta(
                app_secret=settings.keys.app_secret, state_file=state, allowed_origin=lambda: self.url or None
            )
            meta = serve(app)
            self._running.callback(meta.stop)
            self._meta_url = meta.url
        graph_url = settings.facebook_graph_url or self._meta_url or ""
        return graph_url, settings.instagram_graph_url or graph_url, retell_url

    def _put_secrets(self, aws: Aws, mongodb_uri: str) -> None:
        keys = self._settings.keys
        app = {"appSecrets": [keys.app_secret], "verifyToken": keys.verify_token, **self._apps()}
        aws.put_parameter(f"/{STACK}/app-secrets", json.dumps(app))
        aws.put_parameter(f"/{STACK}/jwt", json.dumps({"keys": [keys.jwt_secret]}))
        aws.put_parameter(f"/{STACK}/mongodb-uri", mongodb_uri)
        aws.put_parameter(f"/{STACK}/retell-api-key", self._settings.retell_api_key)

    def _apps(self) -> Mapping[str, Mapping[str, str]]:
        """Return our apps at Meta: those that were given, or the simulator's."""
        if self._settings.apps or not self._meta_url:
            return self._settings.apps
        told = requests.get(f"{self._meta_url}/_simulator/state", timeout=30).json()["apps"]
        return {f"{login}App": {"id": app["id"], "secret": app["secret"]} for login, app in told.items()}

    def _logins(self) -> dict[str, str]:
        """Return where people log in: as given, or at the simulator."""
        of_simulator = ("FacebookLoginUrl", "InstagramLoginUrl", "InstagramApiUrl") if self._meta_url else ()
        return dict.fromkeys(of_simulator, self._meta_url or "") | dict(self._settings.logins)

    def _start_functions(
        self, template: Template, aws: Aws, queues: dict[str, str], graph_url: str, instagram_url: str, retell_url: str
    ) -> list[tuple[Function, Pool]]:
        values = queues | {
            "AWS::StackName": STACK,
            "SecretsKey": "alias/local",
            "FacebookGraphUrl": graph_url,
            "InstagramGraphUrl": instagram_url,
            "RetellUrl": retell_url,
            **self._logins(),
        }
        runtime = runtime_variables(aws.url)
        server = self._services.fork_server
        pools = [
            (function, Pool(function, runtime | template.environment(function, values), self._logs, server))
            for function in template.functions
        ]
        self._running.callback(_together, [pool.stop for _, pool in pools])
        return pools

    def _warm(self, pools: list[tuple[Function, Pool]]) -> None:
        """Start one environment of each function, one after another, while the system is in use already."""
        stopping = threading.Event()

        def warm() -> None:
            for function, pool in pools:
                if not stopping.is_set() and not function.schedules:  # those are at work already
                    pool.warm()

        thread = threading.Thread(target=warm, name="warm")
        thread.start()
        self._running.callback(thread.join)
        self._running.callback(stopping.set)

    def _start_site(self, pools: list[tuple[Function, Pool]], cors: Cors | None) -> None:
        gateway = Gateway(((function, pool.invoke) for function, pool in pools), cors)
        secret, agent_id = self._settings.keys.jwt_secret, self._settings.retell_agent_id
        site = create_site(gateway, secret, lambda: self._meta_url, agent_id)
        try:
            server = serve(site, self._settings.port)
        except (OSError, SystemExit) as error:
            raise CannotStart(
                f"Port {self._settings.port} is taken. Choose another: PORT=3001 make run (0 takes any free one)."
            ) from error
        self._running.callback(server.stop)
        self.url = server.url

    def _start_pollers(self, pools: list[tuple[Function, Pool]], aws: Aws, queues: dict[str, str]) -> None:
        pollers = [
            Poller(aws.sqs(), queues[function.source.queue], function.source, pool.invoke)
            for function, pool in pools
            if function.source
        ]
        self._put_to_work(pollers)

    def _put_to_work(self, workers: Sequence[Poller | Scheduler]) -> None:
        self._running.callback(_together, [worker.stop for worker in workers])
        for worker in workers:
            worker.start()

    def _set_callback(self, meta_url: str) -> None:
        """Set the simulated Meta app's callback URL, as a person does in the dashboard."""
        answer = requests.post(
            f"{meta_url}/_simulator/callback",
            json={"url": f"{self.url}/api/instagram/webhook", "verifyToken": self._settings.keys.verify_token},
            timeout=30,
        ).json()
        if not answer.get("verified"):
            raise CannotStart(f"The webhook does not answer Meta's handshake. See {self._logs / 'webhook.log'}.")

    def _write_run(self, mongodb_uri: str, graph_url: str, instagram_url: str, retell_url: str) -> None:
        self._folder.write_run(
            {
                "apiUrl": self.url,
                "consoleUrl": f"{self.url}/",
                "subaccountId": SUBACCOUNT,
                "agentId": self._settings.retell_agent_id,
                "mongodbUri": mongodb_uri,
                "appSecret": self._settings.keys.app_secret,
                "jwtSecret": self._settings.keys.jwt_secret,
                "facebookGraphUrl": graph_url,
                "instagramGraphUrl": instagram_url,
                "retellUrl": retell_url,
            }
        )

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._say(f"  {name} {'.' * (20 - len(name))} {time.monotonic() - began:.1f} s")


def _together(actions: Sequence[Callable[[], None]]) -> None:
    """Do several things at the same time, and wait until all are done."""
    with ThreadPoolExecutor(max(1, len(actions))) as threads:
        list(threads.map(lambda action: action(), actions))
