// Keeps one resource fresh: about once a second, only while the tab is visible, one request at a time.

const SLOWEST = 10_000;

/**
 * `load` fetches, `show` gets what it returned, `fail` gets what it threw.
 * Returns `refresh()`, whose promise settles after a load that began no earlier than the call.
 */
export function poll({ load, show, fail, interval = 1000 }) {
  let running = null;
  let queued = null;
  let timer = 0;
  let failures = 0;

  async function once() {
    clearTimeout(timer);
    try {
      show(await load());
      failures = 0;
    } catch (error) {
      failures += 1;
      fail(error);
    }
    if (!document.hidden) timer = setTimeout(refresh, Math.min(interval * 2 ** failures, SLOWEST));
  }

  function refresh() {
    if (running) {
      queued ??= running.then(() => {
        queued = null;
        return refresh();
      });
      return queued;
    }
    running = once().finally(() => {
      running = null;
    });
    return running;
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else refresh();
  });
  if (!document.hidden) refresh();
  return refresh;
}
