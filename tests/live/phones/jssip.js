// A plain JsSIP phone: nothing of the portal's pages in it.
import JsSIP from "jssip";

const CONFERENCE = "application/conference-info+xml";
const MEDIA = {
  mediaConstraints: { audio: true, video: false },
  pcConfig: { iceServers: [] },
};

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
      connection_recovery_max_interval: 4,
    });
    this.ua.on("newRTCSession", ({ originator, session, request }) => {
      if (originator === "remote") this.rings(session, request);
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

  // Make a session the one that this phone tells of.
  takes(session) {
    this.earlier = this.session;
    this.session = session;
    const play = ({ streams }) => {
      document.getElementById("remote-audio").srcObject = streams[0];
    };
    const mine = (act) => (event) => session === this.session && act(event);
    session.on("peerconnection", ({ peerconnection }) =>
      peerconnection.addEventListener("track", play),
    );
    session.on("confirmed", mine(() => (this.state = "confirmed")));
    session.on("failed", mine(() => (this.state = "failed")));
    session.on(
      "ended",
      mine(({ originator, message }) => {
        this.state = "ended";
        this.ended = { by: originator, reason: (message && message.getHeader("Reason")) || "" };
      }),
    );
    session.on("reinvite", ({ request }) => this.contacts.push(request.getHeader("Contact")));
    // Whoever is in a call with this phone may send it elsewhere (RFC 3515, RFC 3891).
    session.on("refer", ({ accept }) => accept((next) => this.takes(next), MEDIA));
    session.on("replaces", ({ accept }) => {
      this.isReplaced = true;
      accept();
    });
  }

  // Call; the status and phrase of what came back. `quick` takes the first candidate.
  call(target, { quick = false, headers = [] } = {}) {
    const began = performance.now();
    this.times = { began };
    return new Promise((resolve) => {
      const session = this.ua.call(target, {
        ...MEDIA,
        mediaStream: this.microphone,
        extraHeaders: headers,
        eventHandlers: {
          icecandidate: (event) => quick && event.ready(),
          accepted: ({ response }) => {
            this.isFocus = /;\s*isfocus/.test(response.getHeader("Contact"));
            this.contact = response.parseHeader("Contact").uri.toString();
            this.callInfo = response.getHeader("Call-Info") || "";
          },
          confirmed: () => {
            this.times.confirmed ??= performance.now() - began;
            resolve({ status: 200, reason: "OK" });
          },
          failed: ({ cause, message }) => {
            // JsSIP leaves 302 to its user.
            if (cause === JsSIP.C.causes.REDIRECTED) {
              this.sentOn = message.getHeader("Contact");
              resolve(this.call(message.parseHeader("Contact").uri.toString()));
            } else resolve({ status: message ? message.status_code : 0, reason: cause });
          },
        },
      });
      this.takes(session);
      session.connection.addEventListener("track", ({ streams }) => {
        document.getElementById("remote-audio").srcObject = streams[0];
      });
    });
  }

  rings(session, request) {
    this.takes(session);
    this.state = "ringing";
    this.contacts.push(request.getHeader("Contact"));
    if (this.isReplaced) this.answer(); // it is brought from one call into another
  }

  answer() {
    this.session.answer(MEDIA);
  }

  // The dialog as this phone names it.
  dialog() {
    const { call_id: callId, local_tag: local, remote_tag: remote } = this.session._dialog.id;
    return { callId, local, remote };
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

  // Subscribe outside the call, to the conference package or to another.
  subscribe(target, event = "conference") {
    const accept = { conference: CONFERENCE, dialog: "application/dialog-info+xml" }[event];
    const subscriber = this.ua.subscribe(target, event, accept, {});
    subscriber.on("active", () => (this.watch = "active"));
    subscriber.on("terminated", (...why) => (this.watch = `terminated ${why.join(" ")}`));
    subscriber.on("notify", (final, request, body) => this.notes.push(body));
    subscriber.subscribe();
  }

  // REFER in the call; every sipfrag first line up to the final one, or the refusal.
  refer(referTo, { replaces } = {}) {
    const said = [];
    return new Promise((resolve) => {
      const tell = (event) => said.push(`${event.status_line.status_code}`);
      const finish = (event) => resolve((tell(event), said));
      this.session.refer(referTo, {
        replaces,
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

  // Have whom one has called call the other one of the call before, in place of that call.
  bringIn(other) {
    return this.refer(other, { replaces: this.earlier });
  }

  // OPTIONS outside any call; the answer's fields and body.
  ask(target) {
    return new Promise((resolve) => {
      const told = ({ response }) =>
        resolve({
          status: response.status_code,
          contact: response.getHeader("Contact"),
          allow: response.getHeader("Allow"),
          accept: response.getHeaders("Accept").join(", "),
          events: response.getHeaders("Allow-Events").join(", "),
          supported: response.getHeaders("Supported").join(", "),
          body: response.body,
        });
      this.ua.sendOptions(target, null, { eventHandlers: { succeeded: told, failed: told } });
    });
  }
}

window.phone = new Phone();
