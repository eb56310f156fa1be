"""The control API: playing the customer, the business and the dashboard, and looking inside."""

from dataclasses import asdict

from flask import Blueprint, Response, jsonify, request

from local.simulators.clock import now_ms
from local.simulators.control import AllowedOrigin, ControlError, add_fault_routes, control_blueprint, parse_body
from local.simulators.meta import control_bodies as bodies
from local.simulators.meta import control_views as views
from local.simulators.meta.control_accounts import add_account_routes
from local.simulators.meta.control_compliance import add_compliance_routes
from local.simulators.meta.control_login import add_login_routes
from local.simulators.meta.control_tokens import add_token_routes
from local.simulators.meta.deliveries import Callback
from local.simulators.meta.handovers import give
from local.simulators.meta.handshake import verify_callback
from local.simulators.meta.identifiers import new_mid
from local.simulators.meta.residents import add_account, add_user
from local.simulators.meta.sending import write_as_business
from local.simulators.meta.shapes import Json
from local.simulators.meta.simulation import Simulation
from local.simulators.meta.threads import Message, Thread, add_customer_message, apply_item, story_of, webhook_message
from local.simulators.meta.wire import completed_event, hint_event, message_event
from local.simulators.meta.world import World


def meta_control(simulation: Simulation, allowed_origin: AllowedOrigin) -> Blueprint:
    """All routes under `/_simulator`."""
    control = control_blueprint(allowed_origin)
    _add_dashboard_routes(control, simulation)
    _add_message_routes(control, simulation)
    _add_thread_routes(control, simulation)
    _add_log_routes(control, simulation)
    add_account_routes(control, simulation)
    add_token_routes(control, simulation)
    add_login_routes(control, simulation)
    add_compliance_routes(control, simulation)
    add_fault_routes(control, simulation.faults, simulation.follow_faults)
    return control


def _add_dashboard_routes(control: Blueprint, simulation: Simulation) -> None:
    @control.get("/state")
    def read_state() -> Response:
        with simulation.state.read() as world:
            return jsonify(views.show_world(world, simulation.faults.active()))

    @control.put("/apps/<login>")
    def reset_app_secret(login: str) -> Response:
        wanted = parse_body(bodies.NewAppSecret)
        if login not in {"facebook", "instagram"}:
            raise ControlError(404, f"No app for the login {login}.")
        with simulation.state.change() as world:
            setattr(world, "app_secret" if login == "facebook" else "instagram_app_secret", wanted.secret)
        return jsonify(login=login, secret=wanted.secret)

    @control.post("/accounts")
    def create_account() -> tuple[Response, int]:
        wanted = parse_body(bodies.NewAccount)
        with simulation.state.change() as world:
            return jsonify(views.show_account(world, add_account(world, wanted))), 201

    @control.post("/users")
    def create_user() -> tuple[Response, int]:
        wanted = parse_body(bodies.NewUser)
        with simulation.state.change() as world:
            user = add_user(world, wanted)
        return jsonify(userId=user.user_id, username=user.username, name=user.name), 201

    @control.post("/callback")
    def set_callback() -> Response:
        wanted = parse_body(bodies.NewCallback)
        verification = verify_callback(wanted.url, wanted.verify_token)
        if verification.verified:
            with simulation.state.change() as world:
                world.callback = Callback(wanted.url, wanted.verify_token, wanted.fields)
            simulation.courier.notice()
        return jsonify(asdict(verification))


def _add_message_routes(control: Blueprint, simulation: Simulation) -> None:
    @control.post("/users/<user_id>/messages")
    def write_as_customer(user_id: str) -> Response:
        wanted = parse_body(bodies.CustomerMessage)
        with simulation.state.change() as world:
            thread = _thread(world, wanted.account_id, user_id)
            message = _customer_message(thread, wanted)
            add_customer_message(thread, message)
            told = webhook_message(message) | _extras(wanted)
            beside = {"referral": told.pop("referral")} if wanted.referral_beside and wanted.referral else {}
            if wanted.hint_only:
                simulation.publish(world, hint_event(thread.account_id, user_id, message.at, message.mid))
            elif not wanted.silent:
                simulation.publish(world, message_event(thread.account_id, user_id, message.at, told, beside))
        return jsonify(mid=message.mid, timestamp=message.at)

    @control.post("/accounts/<account_id>/messages")
    def write_in_app(account_id: str) -> Response:
        wanted = parse_body(bodies.AppMessage)
        with simulation.state.change() as world:
            thread = _thread(world, account_id, wanted.to)
            at = now_ms() - 1000 * wanted.seconds_ago
            message, echo = write_as_business(thread, "app", at, **wanted.said())
            if wanted.hint_only:
                simulation.publish(world, hint_event(account_id, wanted.to, at, message.mid))
            elif not wanted.silent:
                simulation.publish(world, echo)
        return jsonify(mid=message.mid)

    @control.post("/events")
    def tell_event() -> Response:
        wanted = parse_body(bodies.RawEvent)
        now = now_ms()
        with simulation.state.change() as world:
            thread = _thread(world, wanted.account_id, wanted.user_id)
            item = _with_mid(thread, wanted.item)
            event = completed_event(wanted.account_id, wanted.user_id, now, item, wanted.list)
            apply_item(thread, event.item, now)
            if not wanted.silent:
                simulation.publish(world, event)
        return jsonify(item=event.item)


def _add_thread_routes(control: Blueprint, simulation: Simulation) -> None:
    @control.put("/threads/<account_id>/<user_id>")
    def change_thread(account_id: str, user_id: str) -> Response:
        wanted = parse_body(bodies.ThreadChange)
        with simulation.state.change() as world:
            thread = _thread(world, account_id, user_id)
            if "owner_app_id" in wanted.model_fields_set and wanted.owner_app_id != thread.owner_app_id:
                handover = give(thread, wanted.owner_app_id, taken=wanted.taken)
                if not wanted.silent:
                    simulation.publish(world, handover)
            if wanted.blocked is not None:
                thread.blocked = wanted.blocked
            with simulation.faults.open() as faults:
                return jsonify(views.show_thread(thread, faults, now_ms()))

    @control.get("/threads/<account_id>/<user_id>")
    def read_thread(account_id: str, user_id: str) -> Response:
        with simulation.state.read() as world, simulation.faults.open() as faults:
            thread = world.thread_of(account_id, user_id) or Thread(account_id, user_id)
            return jsonify(views.show_thread(thread, faults, now_ms()))


def _add_log_routes(control: Blueprint, simulation: Simulation) -> None:
    @control.get("/deliveries")
    def read_deliveries() -> Response:
        simulation.courier.wait_until_idle(request.args.get("waitSeconds", 0, int))
        with simulation.state.read() as world:
            return jsonify(deliveries=[views.show_delivery(delivery) for delivery in world.deliveries])

    @control.get("/calls")
    def read_calls() -> Response:
        with simulation.state.read() as world:
            return jsonify(calls=[views.show_call(call) for call in world.calls])


def _thread(world: World, account_id: str, user_id: str) -> Thread:
    if account_id not in world.accounts:
        raise ControlError(404, f"There is no account {account_id}.")
    if user_id not in world.users:
        raise ControlError(404, f"There is no user {user_id}.")
    return world.open_thread(account_id, user_id)


def _customer_message(thread: Thread, wanted: bodies.CustomerMessage) -> Message:
    return Message(
        mid=new_mid(thread.account_id, thread.user_id),
        sender="customer",
        via="customer",
        at=now_ms() - 1000 * wanted.seconds_ago,
        text=wanted.text,
        attachments=wanted.attachments,
        reply_to=wanted.reply_to if isinstance(wanted.reply_to, str) else None,
        story=story_of({"attachments": wanted.attachments} | _extras(wanted)),
    )


def _extras(wanted: bodies.CustomerMessage) -> Json:
    extras: Json = {}
    if isinstance(wanted.reply_to, dict):
        extras["reply_to"] = wanted.reply_to
    if wanted.quick_reply is not None:
        extras["quick_reply"] = {"payload": wanted.quick_reply.payload}
    if wanted.referral is not None:
        extras["referral"] = wanted.referral
    return extras


def _with_mid(thread: Thread, item: Json) -> Json:
    """Give a message or postback an id where it has none."""
    for key in ("message", "postback"):
        body = item.get(key)
        if isinstance(body, dict) and "mid" not in body:
            return item | {key: {"mid": new_mid(thread.account_id, thread.user_id)} | body}
    return item
