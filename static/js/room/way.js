// The way of the sound: where nothing comes by it any more, another one is looked for.
//
// Who changes networks (from Wi-Fi to mobile, say) has other addresses, by which the mixer
// does not know him. So the browser looks for its addresses anew and tells them by
// re-INVITE: an ICE restart (RFC 8839 4.4.1.1.1). The line for that comes back by itself
// (line.js); where it is not there yet, the restart waits for it.

/** How long the sound may be away before another way is looked for; packets are lost, too. */
const PATIENCE_MS = 2_000;

export class Way {
  /** `session` is JsSIP's call, `connected()` says whether the line is there. */
  constructor(session, connected) {
    this.session = session;
    this.connected = connected;
    this.waiting = null;
  }

  /** The state of the connection has changed. */
  look() {
    clearTimeout(this.waiting);
    if (this.lost) this.waiting = setTimeout(() => this.seek(), PATIENCE_MS);
  }

  get lost() {
    return this.session.connection?.connectionState === "disconnected";
  }

  /** Looks for another way, if this one is lost and somebody can be told; true if it does. */
  seek() {
    if (!this.lost || !this.session.isEstablished() || !this.connected()) return false;
    return this.session.renegotiate({ rtcOfferConstraints: { iceRestart: true } });
  }
}
