// A plain JsSIP phone: nothing of the portal's pages in it.
import JsSIP from "jssip";

const CONFERENCE = "application/conference-info+xml";

class Phone {
  constructor() {
    this.state = "idle";
    this.ended = null;
    this.isFocus = false;
    this.notes = [];
    this.watch = "idle";
    this.times = {};
    this.callInfo = "";
    this.contacts = [];
  }

  // Connect and register.
  start({ websocket, aor, username, password, displayName }) {
    this.ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(websocket)],
      uri: aor,
      authorization_user: username,
      password,
      display_name: displayName,
      connection_recovery_min_interval: 1,
    });
    return new Promise((resolve, reject) => {
      this.ua.on("registered", () => resolve("registered"));
      this.ua.on("registrationFailed", (event) => reject(new Error(`REGISTER: ${event.cause}`)));
      this.ua.start();
    });
  }

  // Have the microphone before the call, as a page does that is ready before its person.
  async openMicrophone() {
    this.microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  }

  // Call; the status and phrase of what came back. `quick` takes the first candidate.
  call(target, { quick = false } = {}) {
    const began = performance.now();
    this.times = { began };
    return new Promise((resolve) => {
      this.session = this.ua.call(target, {
        mediaConstraints: { audio: true, video: false },
        mediaStream: this.microphone,
        pcConfig: { iceServers: [] },
        eventHandlers: {
          icecandidate: (event) => quick && event.ready(),
          accepted: ({ response }) => {
            this.isFocus = /;\s*isfocus/.test(response.getHeader("Contact"));
            this.callInfo = response.getHeader("Call-Info") || "";
          },
          reinvite: ({ request }) => this.contacts.push(request.getHeader("Contact")),
          confirmed: () => {
            this.state = "confirmed";
            this.times.confirmed ??= performance.now() - began;
            resolve({ status: 200, reason: "OK" });
          },
          failed: ({ cause, message }) => {
            this.state = "failed";
            resolve({ status: message ? message.status_code : 0, reason: cause });
          },
          ended: ({ originator, message }) => {
            this.state = "ended";
            this.ended = { by: originator, reason: (message && message.getHeader("Reason")) || "" };
          },
        },
      });
      this.session.connection.addEventListener("track", ({ streams }) => {
        document.getElementById("remote-audio").srcObject = streams[0];
      });
    });
  }

  // Ring for whoever calls, and answer when told to.
  awaitsCall() {
    this.ua.on("newRTCSession", ({ originator, session, request }) => {
      if (originator !== "remote") return;
      this.session = session;
      this.state = "ringing";
      this.contacts.push(request.getHeader("Contact"));
      session.on("peerconnection", ({ peerconnection }) =>
        peerconnection.addEventListener("track", ({ streams }) => {
          document.getElementById("remote-audio").srcObject = streams[0];
        }),
      );
      session.on("confirmed", () => (this.state = "confirmed"));
      session.on("ended", () => (this.state = "ended"));
      session.on("failed", () => (this.state = "failed"));
    });
  }

  answer() {
    this.session.answer({
      mediaConstraints: { audio: true, video: false },
      pcConfig: { iceServers: [] },
    });
  }

  // Key digits as RFC 4733 events, as soon as media flows.
  async keys(digits) {
    const [sender] = this.session.connection.getSenders();
    while (!sender.dtmf.canInsertDTMF) await new Promise((resolve) => setTimeout(resolve, 20));
    this.session.sendDTMF(digits, { transportType: "RFC2833", duration: 120, interToneGap: 120 });
  }

  hangUp() {
    this.session.terminate();
  }

  // Subscribe to the conference package outside the call.
  subscribe(target) {
    const subscriber = this.ua.subscribe(target, "conference", CONFERENCE, {});
    subscriber.on("active", () => (this.watch = "active"));
    subscriber.on("terminated", (...why) => (this.watch = `terminated ${why.join(" ")}`));
    subscriber.on("notify", (final, request, body) => this.notes.push(body));
    subscriber.subscribe();
  }

  // REFER in the call; every sipfrag first line up to the final one, or the refusal.
  refer(referTo) {
    const said = [];
    return new Promise((resolve) => {
      const tell = (event) => said.push(`${event.status_line.status_code}`);
      const finish = (event) => resolve((tell(event), said));
      this.session.refer(referTo, {
        eventHandlers: {
          trying: tell,
          progress: tell,
          accepted: finish,
          failed: finish,
          requestFailed: ({ response }) => resolve([`refused ${response.status_code}`]),
        },
      });
    });
  }

}

window.phone = new Phone();
