// The customer's phone: the DM thread with the business, as the Meta simulator has it.

import { startComposer } from "./composer.js";
import { byId, clone, element, formatTime, part, reconcile, setText, showAttachments, showError, showTime } from "./dom.js";
import { startPause } from "./pause.js";
import { poll } from "./polling.js";
import * as simulator from "./simulator.js";

const SWITCHED_OFF =
  "This run uses another Graph server in place of the Meta simulator, so the phone is switched off.";
const QUIET_BEFORE_STAMP = 15 * 60_000;

export function startPhone({ onAccounts }) {
  const chooser = byId("customer");
  const thread = byId("thread");
  let state = { accounts: [], users: [] };
  let connection = { isConnected: false, instagramAccountId: null };
  let opened = null; // the conversation on screen
  let jumpToEnd = false;
  const problems = { state: "", thread: "" };

  // The customer writes to the connected account; before there is one, to the one the form proposes.
  const account = () =>
    state.accounts.find(({ instagramAccountId }) => instagramAccountId === connection.instagramAccountId) ??
    state.accounts[0];

  const refreshState = poll({
    interval: 5000,
    load: async () => ((await simulator.simulatorUrl()) ? simulator.readState() : null),
    show: (answer) => {
      byId("phone-fields").disabled = !answer;
      note("state", answer ? "" : SWITCHED_OFF);
      if (!answer) return;
      state = answer;
      onAccounts(state.accounts);
      showUsers(chooser, state.users);
      showBusiness(account());
      openConversation();
    },
    fail: (error) => note("state", error.message),
  });

  const refreshThread = poll({
    load: async () => {
      const conversation = current();
      if (!conversation) return null;
      const { accountId, userId } = conversation;
      return { key: conversation.key, thread: await simulator.readThread(accountId, userId) };
    },
    show: (answer) => {
      // The customer may have been changed while the answer was under way.
      if (answer?.key !== current()?.key) return;
      note("thread", "");
      keepAtEnd(thread, jumpToEnd, () => showThread(answer?.thread ?? null, connection.isConnected));
      jumpToEnd = false;
    },
    fail: (error) => note("thread", error.message),
  });

  function current() {
    const accountId = account()?.instagramAccountId;
    const userId = chooser.value;
    return accountId && userId ? { accountId, userId, key: `${accountId}/${userId}` } : null;
  }

  function openConversation() {
    const key = current()?.key ?? null;
    if (key === opened) return;
    opened = key;
    jumpToEnd = true;
    showThread(null, connection.isConnected);
    refreshThread();
  }

  function note(source, problem) {
    problems[source] = problem;
    setText(byId("phone-notice"), problems.state || problems.thread);
  }

  chooser.addEventListener("change", openConversation);

  byId("new-customer").addEventListener("click", async () => {
    const alert = byId("customer-error");
    showError(alert, null);
    try {
      const { userId } = await simulator.createUser();
      await refreshState();
      chooser.value = userId;
      openConversation();
    } catch (error) {
      showError(alert, error);
    }
  });

  // Who writes to whom is settled when Enter is pressed, not when the message's turn comes.
  const sender = (write) => (text) => {
    const conversation = current();
    return async () => {
      if (!conversation) throw new Error("Choose a customer first.");
      await write(conversation.accountId, conversation.userId, text);
      jumpToEnd = true; // whoever writes wants to see it
      await refreshThread();
    };
  };
  startComposer(byId("customer-form"), sender(simulator.writeAsCustomer));
  startComposer(byId("person-form"), sender(simulator.writeFromApp));

  startPause({ isConnected: () => connection.isConnected, current: () => current()?.userId ?? null });

  return {
    setConnection: (status) => {
      const changed = connection.isConnected !== status.isConnected;
      connection = status;
      showBusiness(account());
      openConversation();
      if (changed) refreshThread();
    },
    nameOfUser: (userId) => {
      const user = state.users.find((candidate) => candidate.userId === userId);
      return user ? describeUser(user) : userId;
    },
  };
}

function describeUser({ name, username, userId }) {
  if (name && username) return `${name} (@${username})`;
  return name || (username && `@${username}`) || userId;
}

function showUsers(chooser, users) {
  const chosen = chooser.value;
  reconcile(chooser, users, {
    key: ({ userId }) => userId,
    create: ({ userId }) => element("option", { value: userId }),
    update: (option, user) => setText(option, describeUser(user)),
  });
  if (users.some(({ userId }) => userId === chosen)) chooser.value = chosen;
}

function showBusiness(account) {
  const name = account?.name || account?.username || "Business";
  setText(byId("business-name"), name);
  setText(byId("business-username"), account?.username ? `@${account.username}` : "");
  setText(byId("business-initial"), [...name][0].toUpperCase());
}

function showThread(thread, isConnected) {
  const messages = thread?.messages ?? [];
  const hint = isConnected ? "Write as the customer below; the agent answers." : "Connect the account, then write as the customer.";
  byId("thread-empty").hidden = messages.length > 0;
  setText(byId("thread-empty"), hint);

  reconcile(byId("bubbles"), withStamps(messages), {
    key: ({ stamp, message }) => (stamp ? `stamp ${message.mid}` : message.mid),
    create: ({ stamp, message }) => (stamp ? clone("stamp-template") : createBubble(message)),
    update: (node, { stamp, message }) => (stamp ? showTime(part(node, "time"), message.at) : updateBubble(node, message)),
  });

  const last = messages.at(-1);
  byId("seen").hidden = !(last?.from === "customer" && thread.seenAt && new Date(thread.seenAt) >= new Date(last.at));
  byId("typing").hidden = !thread?.typing;
  setText(byId("window"), describeWindow(thread?.windowClosesAt));
}

/** A time stands before the first message and after every longer silence. */
function withStamps(messages) {
  return messages.flatMap((message, index) => {
    const silence = index === 0 ? Infinity : new Date(message.at) - new Date(messages[index - 1].at);
    const bubble = { stamp: false, message };
    return silence > QUIET_BEFORE_STAMP ? [{ stamp: true, message }, bubble] : [bubble];
  });
}

function createBubble({ from, via }) {
  const bubble = clone("bubble-template");
  bubble.dataset.from = from;
  setText(part(bubble, "author"), from === "customer" ? "Customer: " : "Business: ");
  part(bubble, "via").hidden = via !== "app";
  return bubble;
}

function updateBubble(bubble, { text, attachments, at }) {
  const line = part(bubble, "text");
  const bare = !text && !attachments?.length;
  line.hidden = !text && !bare;
  line.classList.toggle("absent", bare);
  setText(line, bare ? "Message without text" : text);
  showAttachments(part(bubble, "attachments"), attachments);
  bubble.title = formatTime(at, { seconds: true });
}

function describeWindow(closesAt) {
  if (!closesAt) return "";
  if (new Date(closesAt) > new Date()) return `The business may answer until ${formatTime(closesAt)}.`;
  return "The 24 hours are over: the business may answer again when the customer writes.";
}

/** Follows the end of the thread as long as the reader is there; a reader further up is left alone. */
function keepAtEnd(scroller, jump, update) {
  const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40;
  update();
  if (jump || atEnd) scroller.scrollTop = scroller.scrollHeight;
}
