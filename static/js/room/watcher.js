// Keeps a subscription to the conference package (RFC 4575) while it is wanted,
// outside the call's dialog, as any conference-aware phone does.

import { Roster } from "./conference-info.js";

const ACCEPT = "application/conference-info+xml";
const EXPIRES_SECONDS = 600;
const AGAIN_MS = 2_000;
const AGAIN_AT_MOST_MS = 30_000;

export class Watcher extends EventTarget {
  constructor(ua, uri) {
    super();
    this.ua = ua;
    this.uri = uri;
    this.roster = new Roster();
    this.subscription = null;
    this.wanted = false;
    this.failures = 0;
  }

  start() {
    this.wanted = true;
    this._subscribe();
  }

  stop() {
    this.wanted = false;
    clearTimeout(this.timer);
    this._drop();
  }

  /** A new subscription, e.g. after the WebSocket was lost. */
  renew() {
    if (!this.wanted) return;
    this._drop();
    this._subscribe();
  }

  _drop() {
    const old = this.subscription;
    this.subscription = null;
    if (old && this.ua.isConnected()) old.terminate();
  }

  _subscribe() {
    clearTimeout(this.timer);
    this.roster.forget();
    const subscription = this.ua.subscribe(this.uri, "conference", ACCEPT, {
      expires: EXPIRES_SECONDS,
    });
    this.subscription = subscription;
    /** Not let in yet: the focus tells of nobody but ourselves (RFC 6665 4.1.3). */
    this.pending = false;
    subscription.on("pending", () => (this.pending = true));
    subscription.on("active", () => (this.pending = false));
    subscription.on("notify", (final, request, body) => this._take(subscription, body));
    subscription.on("terminated", (code, reason, retryAfter) => {
      if (subscription !== this.subscription) return;
      this.subscription = null;
      this._again(reason, retryAfter);
    });
    subscription.subscribe();
  }

  _take(subscription, body) {
    if (subscription !== this.subscription) return;
    this.failures = 0;
    const outcome = this.roster.receive(body);
    if (outcome === "gap") this.renew();
    if (outcome === "taken") this.dispatchEvent(new Event("roster"));
  }

  /** RFC 6665 4.1.3: some reasons mean come back now, some never. */
  _again(reason, retryAfter) {
    if (!this.wanted || reason === "rejected" || reason === "noresource") return;
    this.failures += 1;
    const pause = retryAfter ? retryAfter * 1000 : Math.min(AGAIN_MS * this.failures, AGAIN_AT_MOST_MS);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.ua.isConnected()) this._subscribe();
    }, pause);
  }
}
