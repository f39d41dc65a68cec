// How good the connection is, out of getStats, in a word that people know.

import { gettext } from "../words.js";

const LIMITS = [
  { loss: 0.02, jitter: 0.03, trip: 0.25, grade: "good" },
  { loss: 0.08, jitter: 0.08, trip: 0.6, grade: "fair" },
];

const WORDS = {
  good: () => gettext("Good connection"),
  fair: () => gettext("Fair connection: there may be short gaps"),
  poor: () => gettext("Poor connection: expect gaps"),
  silent: () => gettext("No audio arrives"),
  unknown: () => gettext("Measuring the connection…"),
};

export class Quality {
  constructor() {
    this.before = null;
    this.latest = { grade: "unknown", words: WORDS.unknown() };
  }

  /** One look at `connection`; call it every two seconds or so. */
  async measure(connection) {
    const now = await figures(connection);
    const last = this.before;
    this.before = now;
    if (last && now.id === last.id) this.latest = grade(now, last);
    return this.latest;
  }
}

async function figures(connection) {
  const found = { id: "", received: 0, lost: 0, jitter: 0, trip: 0, theirs: 0, energy: 0 };
  for (const report of (await connection.getStats()).values()) {
    if (report.type === "inbound-rtp" && report.kind === "audio") {
      found.id = report.id;
      found.received = report.packetsReceived;
      found.lost = report.packetsLost;
      found.jitter = report.jitter ?? 0;
      found.energy = report.totalAudioEnergy ?? 0;
    }
    if (report.type === "candidate-pair" && report.nominated) {
      found.trip = report.currentRoundTripTime ?? 0;
    }
    if (report.type === "remote-inbound-rtp" && report.kind === "audio") {
      found.theirs = report.fractionLost ?? 0;
    }
  }
  return found;
}

function grade(now, last) {
  const received = now.received - last.received;
  const lost = Math.max(now.lost - last.lost, 0);
  if (received <= 0) return { grade: "silent", words: WORDS.silent(), ...now };
  const loss = Math.max(lost / (received + lost), now.theirs);
  const fits = LIMITS.find(
    (limit) => loss <= limit.loss && now.jitter <= limit.jitter && now.trip <= limit.trip,
  );
  const name = fits?.grade ?? "poor";
  return { grade: name, words: WORDS[name](), loss, ...now };
}
