"""POST …/instagram/deauthorize: Meta tells that an owner has removed the app, so their connections end."""

from typing import Any

from connector import callbacks
from connector.callbacks import Callback
from connector.logs import count
from connector.wiring import forgetting, stores


def _deauthorize(callback: Callback, _: Any) -> dict[str, bool]:
    count("Deauthorized", forgetting.deauthorizing().deauthorize(callback.told, callback.within))
    return {"success": True}


handler = callbacks.entry(_deauthorize, stores.secrets, lambda tenant: stores.connections().get(tenant))
