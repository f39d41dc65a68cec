// Who is speaking: the mixer names the talkers of each packet as contributing
// sources (RFC 3550 5.1), which are the roster's <src-id> values (RFC 4575 5.8.4).

const HOLD_MS = 500;
/** Linear level below which a contributing source counts as background. */
const FLOOR = 0.003;

/** SSRCs heard within the last half second on `connection`. */
export function talkers(connection) {
  const now = performance.timeOrigin + performance.now();
  const heard = new Set();
  for (const receiver of connection?.getReceivers() ?? []) {
    if (receiver.track?.kind !== "audio") continue;
    for (const { source, timestamp, audioLevel } of receiver.getContributingSources()) {
      // Chromium counts from the epoch, the standard from the page's time origin.
      const moment = timestamp > 1e11 ? timestamp : performance.timeOrigin + timestamp;
      if (now - moment < HOLD_MS && (audioLevel === undefined || audioLevel > FLOOR)) heard.add(source);
    }
  }
  return heard;
}
