"""POST …/instagram/delete-data: Meta tells that somebody wants to be forgotten; answer where to see it done."""

from connector import callbacks
from connector.callbacks import Callback
from connector.deletion_page import status_url
from connector.gateway import LambdaEvent
from connector.wiring import forgetting, stores


def _delete(callback: Callback, event: LambdaEvent) -> dict[str, str]:
    deletion = forgetting.forgetting().person(callback.told.require_person(), callback.within)
    return {"url": status_url(event, deletion), "confirmation_code": deletion.code}


handler = callbacks.entry(_delete, stores.secrets, lambda tenant: stores.connections().get(tenant))
