// The browser phone: JsSIP with the settings that Parley needs, and events in
// the words of the room instead of SIP's.
//
// Events (CustomEvent, data in `detail`): "ready" (registered), "unready"
// {status}, "offline", "online", "progress" {ringing}, "joined" {focus, page,
// other}, "moved" {focus} (the call has become a conference's), "parted" {other}
// (the conference is a call with that one again), "left" {by,
// reason}, "refused" {status, reason, phrase, retryAfter}, "faint" (nothing is heard
// for some seconds), "broken" (media lost);
// "rings" {caller, name, by, focus} and "unrings" {reason, answered} of a call
// that comes in, `by` being who asked for it. A `focus` is {uri, name} of the
// conference that the other end is (RFC 4579 5.1: isfocus in its Contact), or null.

import JsSIP from "../../vendor/jssip.js";
import { Line, RECOVERY_SECONDS } from "./line.js";
import { Way } from "./way.js";
import { bare, reasonOf } from "./words.js";

const REGISTER_SECONDS = 600;
/** A server that is starting may not know us yet: when it is asked again, and how much later. */
const REGISTER_AGAIN_MS = { least: 2_000, spread: 2_000 };
/** Who has no answer to his REGISTER by then is on a line that leads nowhere. */
const REGISTERED_WITHIN_MS = 15_000;
/** How often a call may be sent on before it goes in circles. */
const MOST_MOVES = 3;
/** How long somebody who has pressed "Join" waits for the WebSocket. */
const CONNECT_TIMEOUT_MS = 10_000;

const CALL = {
  mediaConstraints: { audio: true, video: false },
  rtcOfferConstraints: { offerToReceiveAudio: true, offerToReceiveVideo: false },
};

/** The conference that a message comes from, by its Contact. */
function focusOf(message) {
  const contact = message?.hasHeader?.("contact") ? message.parseHeader("contact") : null;
  if (!contact?.hasParam("isfocus")) return null;
  return { uri: contact.uri.toString(), name: decodeURIComponent(contact.uri.user ?? "") };
}

/** The page that a response or a request names in Call-Info (RFC 3261 20.9). */
function pageOf(message) {
  for (const value of message?.getHeaders?.("Call-Info") ?? []) {
    const found = /<(https?:[^>]+)>\s*(?:;[^,]*)?;?\s*purpose\s*=\s*info/i.exec(value);
    if (found) return found[1];
  }
  return "";
}

/** Who asked for a call (RFC 3892): his name where it is told, else that of his address. */
function referrerOf(request) {
  const value = request.getHeader("Referred-By") ?? "";
  const found = /^\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*<([^>]+)>/.exec(value);
  const name = (found?.[1] ?? found?.[2] ?? "").replace(/\\(.)/g, "$1");
  return name || bare(found?.[3] ?? value.replace(/;.*/, "").trim());
}

export class Phone extends EventTarget {
  constructor(account, audio) {
    super();
    this.account = account;
    this.audio = audio;
    this.session = null;
    this.ringing = null;
    this.leaving = false;
    this.elsewhere = null;
    this.line = new Line(account.websocket);
    this.ua = new JsSIP.UA({
      sockets: [this.line],
      uri: account.uri,
      display_name: account.display_name,
      authorization_user: account.auth_name,
      password: account.password,
      register: true,
      register_expires: REGISTER_SECONDS,
      connection_recovery_min_interval: RECOVERY_SECONDS.min,
      connection_recovery_max_interval: RECOVERY_SECONDS.max,
      user_agent: "Parley",
    });
    this._listen();
  }

  _tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  _listen() {
    let lost = false;
    this.ua.on("registered", () => {
      clearTimeout(this.answer);
      this._tell("ready");
    });
    this.ua.on("registrationFailed", ({ response, cause }) => {
      clearTimeout(this.answer);
      if (!response || response.status_code >= 500) this._registerAgain(response);
      if (response) this._tell("unready", { status: response.status_code, cause });
    });
    this.ua.on("connected", () => {
      clearTimeout(this.answer);
      this.answer = setTimeout(() => this.line.hang(), REGISTERED_WITHIN_MS);
      if (lost) this._tell("online");
      lost = false;
      this.way?.seek();
    });
    this.ua.on("disconnected", () => {
      clearTimeout(this.answer);
      lost = true;
      this._tell("offline");
    });
    this.ua.on("newMessage", ({ originator, request }) => {
      if (originator === "remote") this._texted(request);
    });
    this.ua.on("newRTCSession", ({ originator, session, request }) => {
      if (originator === "remote") this._rings(session, request);
    });
  }

  /** JsSIP asks once for each connection. */
  _registerAgain(response) {
    const said = Number.parseInt(response?.getHeader("Retry-After") ?? "", 10);
    const least = said > 0 ? said * 1_000 : REGISTER_AGAIN_MS.least;
    clearTimeout(this.again);
    this.again = setTimeout(() => {
      if (this.ua.isConnected() && !this.ua.isRegistered()) this.ua.register();
    }, least + Math.random() * REGISTER_AGAIN_MS.spread);
  }

  /** Somebody looks at the page, or the network is back: no need to wait for the next try. */
  hurry() {
    const { transport } = this.ua;
    if (!this.leaving && transport && !transport.isConnected() && !transport.isConnecting()) transport.connect();
  }

  /** A text that somebody sent (RFC 3428); JsSIP answers it. */
  _texted({ from, to, body }) {
    const name = from.display_name || from.uri.user;
    this._tell("text", { from: from.uri.toString(), name, to: to.uri.toString(), text: body });
  }

  /** Sends `text` to `target`; rejects where it is not taken. */
  text(target, text) {
    return new Promise((resolve, reject) => {
      this.ua.sendMessage(target, text, {
        contentType: "text/plain",
        eventHandlers: {
          succeeded: resolve,
          failed: ({ cause }) => reject(new Error(cause)),
        },
      });
    });
  }

  _rings(session, request) {
    if (this.session || this.ringing) {
      session.terminate({ status_code: 486 });
      return;
    }
    this.ringing = session;
    this.invite = request;
    session.on("failed", ({ originator, message, cause }) => {
      if (this.ringing !== session) return;
      this.ringing = null;
      if (originator === "local") return;
      const reason = reasonOf(message);
      this._tell("unrings", { reason, cause, answered: /elsewhere/i.test(reason) });
    });
    const { uri, display_name: name } = session.remote_identity;
    const caller = uri.toString();
    this._tell("rings", { caller, name, by: referrerOf(request), focus: focusOf(request) });
  }

  /** How a call is made or answered; the servers are STUN's and TURN's, if there are any. */
  terms() {
    return { ...CALL, pcConfig: { iceServers: this.account.ice_servers } };
  }

  /** Takes the call that rings, with the microphone in `stream`. */
  accept(stream) {
    const session = this.ringing;
    if (!session) return;
    this.ringing = null;
    this.leaving = false;
    this._follow(session, this.invite);
    session.on("peerconnection", ({ peerconnection }) => this._hear(peerconnection));
    session.answer({ ...this.terms(), mediaStream: stream });
  }

  /** 603: the person does not want it; another status where it is not he who says so. */
  decline(status = 603) {
    this.ringing?.terminate({ status_code: status });
    this.ringing = null;
  }

  start() {
    this.ua.start();
    this.looking = () => document.visibilityState === "visible" && this.hurry();
    document.addEventListener("visibilitychange", this.looking);
    addEventListener("online", this.looking);
  }

  stop() {
    this.leaving = true;
    clearTimeout(this.again);
    clearTimeout(this.answer);
    document.removeEventListener("visibilitychange", this.looking);
    removeEventListener("online", this.looking);
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

  /**
   * Calls `target` with the microphone in `stream`; `anonymous`: without our name (RFC 3323).
   * Nothing is called if it is not `wanted` any more once the line is there.
   */
  async call(target, stream, { patience = CONNECT_TIMEOUT_MS, anonymous = false, moves = 0, wanted = () => true } = {}) {
    await this._online(patience);
    if (!wanted()) return;
    this.leaving = false;
    this.elsewhere = (uri) => this.call(uri, stream, { patience, anonymous, moves: moves + 1, wanted });
    if (moves >= MOST_MOVES) this.elsewhere = null;
    const extraHeaders = anonymous ? ["Privacy: id"] : [];
    const session = this.ua.call(target, { ...this.terms(), mediaStream: stream, extraHeaders });
    this._follow(session);
    this._hear(session.connection);
  }

  /** Has the call become a conference (draft 4.9): asked by REFER, done by re-INVITE. */
  gather(factory) {
    return new Promise((resolve, reject) => {
      this.session.refer(factory, {
        eventHandlers: {
          accepted: resolve,
          failed: () => reject(new Error("failed")),
          requestFailed: ({ cause }) => reject(new Error(cause)),
        },
      });
    });
  }

  /** From now on `session` is the call of this phone. */
  _follow(session, invite = null) {
    this.session = session;
    let answer = invite;
    let page = "";
    // JsSIP waits until ICE gathering is complete, 120 ms after the candidate we need.
    session.on("icecandidate", ({ ready }) => ready());
    session.on("progress", ({ response }) => {
      page ||= pageOf(response);
      this._tell("progress", { ringing: response?.status_code === 180 });
    });
    session.on("accepted", ({ response }) => {
      answer = response ?? answer;
      page = pageOf(response) || page;
    });
    session.on("confirmed", () => {
      const { uri, display_name: name } = session.remote_identity;
      const other = { uri: uri.toString(), name: name || uri.user || uri.host };
      this.focus = focusOf(answer);
      this._tell("joined", { focus: this.focus, page, other });
    });
    session.on("reinvite", ({ request }) => this._moved(request));
    session.on("ended", (event) => this._ended(session, event));
    session.on("failed", (event) => this._failed(session, event));
  }

  /** A re-INVITE may name another Contact: the call is for something else now. */
  _moved(request) {
    const before = this.focus;
    const focus = focusOf(request);
    if (focus) {
      this.focus = focus;
      this._tell("moved", { focus });
      return;
    }
    const uri = request.hasHeader("contact") ? request.parseHeader("contact").uri : null;
    if (!before || !uri || uri.toString() === before.uri) return;
    this.focus = null;
    this._tell("parted", { other: { uri: uri.toString(), name: uri.user || uri.host } });
  }

  _hear(connection) {
    connection.addEventListener("track", ({ track, streams }) => {
      this.audio.srcObject = streams[0] ?? new MediaStream([track]);
      this.audio.play().catch(() => this._tell("silenced"));
    });
    const way = new Way(this.session, () => this.connected);
    this.way = way;
    connection.addEventListener("connectionstatechange", () => {
      if (!this.inCall || this.connection !== connection) return;
      way.look();
      if (connection.connectionState === "failed") this._tell("broken");
      if (connection.connectionState === "disconnected") this._tell("faint");
    });
  }

  _ended(session, { originator, message, cause }) {
    if (this.session !== session) return;
    this.session = null;
    this.audio.srcObject = null;
    // Also where a server that was away does not know the call any more (481): JsSIP ends it.
    const broken = originator === "local" && !this.leaving;
    if (broken) this._tell("broken");
    else if (originator === "local") this._tell("left", { by: "self", cause });
    else this._tell("left", { by: "focus", reason: reasonOf(message), cause });
  }

  /** Follows a 301 or 302 (RFC 3261 8.1.3.4): a factory sends on to what it made. */
  _moves(message) {
    const contact = message?.hasHeader?.("contact") ? message.parseHeader("contact") : null;
    const moved = [301, 302].includes(message?.status_code) && contact && this.elsewhere;
    if (!moved || this.leaving) return false;
    this.elsewhere(contact.uri.toString()).catch(() => this._tell("refused", { status: 0, reason: "", phrase: "" }));
    return true;
  }

  _failed(session, { originator, message, cause }) {
    if (this.session !== session) return;
    this.session = null;
    if (originator === "remote" && this._moves(message)) return;
    this.audio.srcObject = null;
    if (originator === "local" && cause === JsSIP.C.causes.CANCELED) {
      this._tell("left", { by: "self", cause });
      return;
    }
    this._tell("refused", {
      status: message?.status_code ?? 0,
      reason: reasonOf(message),
      phrase: message?.reason_phrase ?? "",
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
    // Not every mixer hears RFC 4733; what was agreed says so, and INFO goes always.
    const sender = this.connection?.getSenders().find((one) => one.track?.kind === "audio");
    const transportType = sender?.dtmf?.canInsertDTMF ? "RFC2833" : "INFO";
    this.session.sendDTMF(digit, { transportType, duration: 120, interToneGap: 70 });
  }

  async useMicrophone(track) {
    const sender = this.connection?.getSenders().find((one) => one.track?.kind === "audio");
    if (sender) await sender.replaceTrack(track);
  }

  async useSpeaker(id) {
    if (this.audio.setSinkId) await this.audio.setSinkId(id);
  }
}
