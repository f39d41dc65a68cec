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

  // Call; the status and phrase of what came back. `quick` takes the first candidate.
  call(target, { quick = false } = {}) {
    const began = performance.now();
    this.times = { began };
    return new Promise((resolve) => {
      this.session = this.ua.call(target, {
        mediaConstraints: { audio: true, video: false },
        pcConfig: { iceServers: [] },
        eventHandlers: {
          icecandidate: (event) => quick && event.ready(),
          accepted: ({ response }) => {
            this.isFocus = /;\s*isfocus/.test(response.getHeader("Contact"));
          },
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

  // Milliseconds from call() to the first RTP packet, and the level of what came.
  async firstPacket() {
    for (;;) {
      for (const report of (await this.session.connection.getStats()).values()) {
        if (report.type === "inbound-rtp" && report.packetsReceived > 0) {
          return performance.now() - this.times.began;
        }
      }
      await new Promise((done) => setTimeout(done, 2));
    }
  }
}

window.phone = new Phone();
