// The connector's own API, same origin, as any frontend of the platform would call it.

/** A failure that can be shown as it stands: `message`, and `details` where the server gave any. */
export class RequestError extends Error {
  constructor(message, { details = null, unreachable = false } = {}) {
    super(message);
    this.details = details;
    this.unreachable = unreachable;
  }
}

/** Fetches JSON. The deadline keeps one hung request from stopping a poll for good. */
export async function fetchJson(url, { server, timeout = 15_000, ...options }) {
  let response;
  try {
    response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(timeout), ...options });
  } catch {
    throw new RequestError(`${server} does not answer. Is “make run” still running?`, { unreachable: true });
  }
  const body = await response.json().catch(() => null);
  return { ok: response.ok, status: response.status, body };
}

let config = null; // the promise, so that areas starting together share one request

export function loadConfig() {
  config ??= fetchJson("/console/config.json", { server: "The gateway" })
    .then(({ ok, status, body }) => {
      if (!ok || !body) throw new RequestError(`The gateway answered ${status} instead of the console's configuration.`);
      return body;
    })
    .catch((error) => {
      config = null;
      throw error;
    });
  return config;
}

/** Asks for the configuration again next time, unless somebody already did since `used` was read. */
export function forgetConfig(used) {
  if (config === used) config = null;
}

/** Calls `…/instagram/{path}` of the configured agent and returns `data`, or throws a RequestError. */
export async function callApi(method, path, body) {
  let answer = await attempt(method, path, body);
  if (answer.status === 401) {
    forgetConfig(answer.config); // the token lives an hour, the page may live longer
    answer = await attempt(method, path, body);
  }
  if (answer.ok && answer.body?.success) return answer.body.data;
  const { message, details } = answer.body?.error ?? {};
  throw new RequestError(message ?? `The gateway answered ${answer.status} without an explanation.`, { details });
}

async function attempt(method, path, body) {
  const used = loadConfig();
  const { subaccountId, agentId, token } = await used;
  const base = `/api/database/${encodeURIComponent(subaccountId)}/chat-agents/${encodeURIComponent(agentId)}/instagram`;
  const headers = { Authorization: `Bearer ${token}` };
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetchJson(`${base}/${path}`, {
    server: "The gateway",
    method,
    headers,
    body: body && JSON.stringify(body),
    timeout: 30_000,
  });
  return { ...answer, config: used };
}
