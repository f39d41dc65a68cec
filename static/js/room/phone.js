// The browser phone: JsSIP with the settings that Parley needs, and events in
// the words of the room instead of SIP's.
//
// Events (CustomEvent, data in `detail`): "ready" (registered), "offline",
// "online", "progress", "joined", "left" {by, message}, "refused" {status,
// words, retryAfter}, "broken" (media lost).

import JsSIP from "../../vendor/jssip.js";
import { reasonOf } from "./words.js";

const REGISTER_SECONDS = 600;
/** A lost WebSocket is taken up again quickly: a call hangs on it. */
const RECOVERY_SECONDS = { min: 1, max: 8 };
/** How long somebody who has pressed "Join" waits for the WebSocket. */
const CONNECT_TIMEOUT_MS = 10_000;

export class Phone extends EventTarget {
  constructor(account, conference, audio) {
    super();
    this.account = account;
    this.conference = conference;
    this.audio = audio;
    this.session = null;
    this.leaving = false;
    this.ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(account.websocket)],
      uri: account.uri,
      display_name: account.display_name,
      authorization_user: account.auth_name,
      password: account.password,
      register: true,
      register_expires: REGISTER_SECONDS,
      connection_recovery_min_interval: RECOVERY_SECONDS.min,
      connection_recovery_max_interval: RECOVERY_SECONDS.max,
      user_agent: "Parley room page",
    });
    this._listen();
  }

  _tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  _listen() {
    let lost = false;
    this.ua.on("registered", () => this._tell("ready"));
    this.ua.on("registrationFailed", ({ response, cause }) => {
      if (!response) return;
      this._tell("unready", { status: response.status_code, cause });
    });
    this.ua.on("connected", () => {
      if (lost) this._tell("online");
      lost = false;
    });
    this.ua.on("disconnected", () => {
      lost = true;
      this._tell("offline");
    });
    this.ua.on("newRTCSession", ({ originator, session }) => {
      // This page is one conference's room; calls to the person ring elsewhere.
      if (originator === "remote") session.terminate({ status_code: 486 });
    });
  }

  start() {
    this.ua.start();
  }

  stop() {
    this.leaving = true;
    this.ua.stop();
  }

  get connected() {
    return this.ua.isConnected();
  }

  get inCall() {
    return Boolean(this.session?.isEstablished());
  }

  get connection() {
    return this.session?.connection ?? null;
  }

  /** Resolves once the WebSocket is there; rejects when it does not come. */
  _online(patience) {
    if (this.ua.isConnected()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const failed = setTimeout(() => reject(new Error("no connection")), patience);
      this.ua.once("connected", () => {
        clearTimeout(failed);
        resolve();
      });
    });
  }

  /** Calls the conference with the microphone in `stream`. */
  async call(stream, patience = CONNECT_TIMEOUT_MS) {
    await this._online(patience);
    this.leaving = false;
    const session = this.ua.call(this.conference.uri, {
      mediaStream: stream,
      mediaConstraints: { audio: true, video: false },
      rtcOfferConstraints: { offerToReceiveAudio: true, offerToReceiveVideo: false },
      pcConfig: { iceServers: [] },
    });
    this.session = session;
    // JsSIP waits until ICE gathering is complete, 120 ms after the candidate we need.
    session.on("icecandidate", ({ ready }) => ready());
    session.on("progress", () => this._tell("progress"));
    session.on("confirmed", () => this._tell("joined"));
    session.on("ended", (event) => this._ended(session, event));
    session.on("failed", (event) => this._failed(session, event));
    this._hear(session.connection);
  }

  _hear(connection) {
    connection.addEventListener("track", ({ track, streams }) => {
      this.audio.srcObject = streams[0] ?? new MediaStream([track]);
      this.audio.play().catch(() => this._tell("silenced"));
    });
    connection.addEventListener("connectionstatechange", () => {
      if (connection.connectionState === "failed" && this.inCall) this._tell("broken");
    });
  }

  _ended(session, { originator, message, cause }) {
    if (this.session !== session) return;
    this.session = null;
    this.audio.srcObject = null;
    if (originator === "local") this._tell("left", { by: "self", cause });
    else this._tell("left", { by: "focus", reason: reasonOf(message), cause });
  }

  _failed(session, { originator, message, cause }) {
    if (this.session !== session) return;
    this.session = null;
    this.audio.srcObject = null;
    if (originator === "local" && cause === JsSIP.C.causes.CANCELED) {
      this._tell("left", { by: "self", cause });
      return;
    }
    this._tell("refused", {
      status: message?.status_code ?? 0,
      reason: reasonOf(message),
      retryAfter: Number.parseInt(message?.getHeader?.("Retry-After") ?? "", 10) || null,
      cause,
    });
  }

  /** Leaves: BYE in a call, CANCEL before. */
  hangUp() {
    this.leaving = true;
    if (this.session && !this.session.isEnded()) this.session.terminate();
  }

  /** Drops a call whose other side has forgotten it, without a word to the page. */
  drop() {
    const session = this.session;
    this.session = null;
    if (session && !session.isEnded()) session.terminate();
  }

  setMuted(muted) {
    if (!this.session) return;
    if (muted) this.session.mute({ audio: true });
    else this.session.unmute({ audio: true });
  }

  /** Sends one digit as an RFC 4733 event. */
  key(digit) {
    this.session.sendDTMF(digit, { transportType: "RFC2833", duration: 120, interToneGap: 70 });
  }

  async useMicrophone(track) {
    const sender = this.connection?.getSenders().find((one) => one.track?.kind === "audio");
    if (sender) await sender.replaceTrack(track);
  }

  async useSpeaker(id) {
    if (this.audio.setSinkId) await this.audio.setSinkId(id);
  }
}
