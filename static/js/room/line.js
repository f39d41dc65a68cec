// The WebSocket of the browser phone, which comes back by itself.
//
// JsSIP tries again after whole seconds, and waits for a handshake as long as the
// browser does, which may be minutes. So every try has an end here, and after the
// first one each begins a little later than the second, for when a server comes
// back all its pages see it at the same time.

import JsSIP from "../../vendor/jssip.js";

/** Seconds that JsSIP waits between two tries. */
export const RECOVERY_SECONDS = { min: 1, max: 3 };
/** How much later than that a try begins at most. */
const SPREAD_MS = 1_000;
/** How long a handshake may take, and how much longer at most. */
const PATIENCE_MS = { least: 5_000, spread: 3_000 };

export class Line extends JsSIP.WebSocketInterface {
  constructor(url) {
    super(url);
    this.tries = 0;
    this.waiting = null;
    this.patience = null;
  }

  connect() {
    this._clear();
    this.tries += 1;
    if (this.tries === 1) this._open();
    else this.waiting = setTimeout(() => this._open(), Math.random() * SPREAD_MS);
  }

  _open() {
    this._clear();
    super.connect();
    const longest = PATIENCE_MS.least + Math.random() * PATIENCE_MS.spread;
    this.patience = setTimeout(() => this.isConnecting() && this.hang(), longest);
  }

  disconnect() {
    this._clear();
    super.disconnect();
  }

  /** Gives up this connection, as if it had broken: another one is tried. */
  hang() {
    this._clear();
    super.disconnect();
    this.ondisconnect(true, 1006, "");
  }

  _clear() {
    clearTimeout(this.waiting);
    clearTimeout(this.patience);
  }
}
