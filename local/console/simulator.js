// The control side of the Meta simulator: what people do in their Instagram apps.

import { RequestError, fetchJson, forgetConfig, loadConfig } from "./api.js";

/** The simulator's address, or null when the system runs against another Graph server. */
export async function simulatorUrl() {
  return (await loadConfig()).metaSimulator ?? null;
}

async function call(method, path, body) {
  const used = loadConfig();
  const { metaSimulator } = await used;
  let answer;
  try {
    answer = await fetchJson(`${metaSimulator.replace(/\/$/, "")}/_simulator/${path}`, {
      server: "The Meta simulator",
      method,
      headers: body && { "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
    });
  } catch (error) {
    forgetConfig(used); // after a restart it may listen on another port
    throw error;
  }
  if (answer.ok) return answer.body;
  const reason = answer.body?.error?.message ?? answer.body?.message;
  throw new RequestError(reason ?? `The Meta simulator answered ${answer.status}.`);
}

const id = encodeURIComponent;

export const readState = () => call("GET", "state");
export const readThread = (accountId, userId) => call("GET", `threads/${id(accountId)}/${id(userId)}`);
export const createUser = () => call("POST", "users", {});
export const writeAsCustomer = (accountId, userId, text) => call("POST", `users/${id(userId)}/messages`, { accountId, text });
export const writeFromApp = (accountId, userId, text) => call("POST", `accounts/${id(accountId)}/messages`, { to: userId, text });
