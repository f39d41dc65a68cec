// Who is speaking: the mixer names the talkers of each packet as contributing
// sources (RFC 3550 5.1), which are the roster's <src-id> values (RFC 4575 5.8.4).

const HOLD_MS = 500;
/** Linear level below which a contributing source counts as background. */
const FLOOR = 0.003;

/** Quietest and loudest speech that is told apart, in dBov (RFC 6464). */
const QUIET = -50;
const LOUD = -15;

/** How loud somebody looks, 0 to 1, whose level is so many dBov. */
export function loudness(dbov) {
  return Math.min(1, Math.max(0, (dbov - QUIET) / (LOUD - QUIET)));
}

/** The same of a linear level; of one that is not known, half. */
export function loudnessOf(linear) {
  return linear === undefined ? 0.5 : loudness(20 * Math.log10(Math.max(linear, 1e-4)));
}

/** SSRCs heard within the last half second on `connection`, each with its linear level (0 to 1). */
export function talkers(connection) {
  const now = performance.timeOrigin + performance.now();
  const heard = new Map();
  for (const receiver of connection?.getReceivers() ?? []) {
    if (receiver.track?.kind !== "audio") continue;
    for (const { source, timestamp, audioLevel } of receiver.getContributingSources()) {
      // Chromium counts from the epoch, the standard from the page's time origin.
      const moment = timestamp > 1e11 ? timestamp : performance.timeOrigin + timestamp;
      if (now - moment < HOLD_MS && (audioLevel === undefined || audioLevel > FLOOR)) heard.set(source, audioLevel);
    }
  }
  return heard;
}
