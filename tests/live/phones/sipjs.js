// A plain SIP.js phone: nothing of the portal's pages in it.
import {
  Inviter,
  Registerer,
  RegistererState,
  SessionState,
  Subscriber,
  SubscriptionState,
  UserAgent,
} from "sip.js";

const MEDIA = { sessionDescriptionHandlerOptions: { constraints: { audio: true, video: false } } };

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
  async start({ websocket, aor, username, password, displayName }) {
    this.agent = new UserAgent({
      uri: UserAgent.makeURI(aor),
      transportOptions: { server: websocket },
      authorizationUsername: username,
      authorizationPassword: password,
      displayName,
      logLevel: "error",
      sipExtensionReplaces: "Supported",
      sessionDescriptionHandlerFactoryOptions: {
        iceGatheringTimeout: 500,
        peerConnectionConfiguration: { iceServers: [] },
      },
      delegate: {
        // SIP.js leaves both to its user: connect again, and register there.
        onDisconnect: (error) => error && this.agent.reconnect(),
        onConnect: () => this.registerer && this.registerer.register(),
        onInvite: (invitation) => this.rings(invitation),
        // Whoever is registered here lets himself be sent to a conference.
        onReferRequest: (refer) => {
          refer.accept({ statusCode: 202 });
          this.call(refer.message.parseHeader("Refer-To").uri.toString());
        },
      },
    });
    await this.agent.start();
    const registerer = new Registerer(this.agent);
    this.registerer = registerer;
    return new Promise((resolve, reject) => {
      registerer.stateChange.addListener((state) => {
        if (state === RegistererState.Registered) resolve("registered");
      });
      registerer.register({
        requestDelegate: {
          onReject: ({ message }) => reject(new Error(`REGISTER: ${message.statusCode}`)),
        },
      });
    });
  }

  // Make a session the one that this phone tells of.
  takes(session) {
    this.earlier = this.session;
    this.session = session;
    let bye = null;
    session.delegate = {
      onBye: (received) => {
        received.accept();
        bye = received.incomingByeRequest.message;
        if (session === this.session)
          this.ended = { by: "remote", reason: bye.getHeader("Reason") || "" };
      },
      onInvite: (request) => this.contacts.push(request.getHeader("Contact")),
      // Whoever is in a call with this phone may send it elsewhere (RFC 3515).
      onRefer: async (referral) => {
        await referral.accept();
        const next = referral.makeInviter(MEDIA);
        this.takes(next);
        await next.invite();
      },
    };
    session.stateChange.addListener((state) => {
      if (session !== this.session) return;
      if (state === SessionState.Established) this.established();
      if (state === SessionState.Terminated) this.state = bye ? "ended" : "failed";
    });
  }

  // Call; the status and phrase of what came back.
  call(target, { headers = [] } = {}) {
    this.began = performance.now();
    this.times = { began: this.began };
    const options = { ...MEDIA, extraHeaders: headers };
    const session = new Inviter(this.agent, UserAgent.makeURI(target), options);
    this.takes(session);
    return new Promise((resolve) => {
      session.stateChange.addListener((state) => {
        if (state === SessionState.Established) resolve({ status: 200, reason: "OK" });
      });
      session.invite({
        requestDelegate: {
          onAccept: ({ message }) => {
            this.isFocus = /;\s*isfocus/.test(message.getHeader("Contact"));
            this.contact = message.parseHeader("Contact").uri.toString();
            this.callInfo = message.getHeader("Call-Info") || "";
          },
          // SIP.js leaves 302 to its user.
          onRedirect: ({ message }) => {
            this.sentOn = message.getHeader("Contact");
            resolve(this.call(message.parseHeader("Contact").uri.toString()));
          },
          onReject: ({ message }) =>
            resolve({ status: message.statusCode, reason: message.reasonPhrase }),
        },
      });
    });
  }

  established() {
    this.state = "confirmed";
    this.times.confirmed = performance.now() - this.began;
    const heard = new MediaStream();
    const peer = this.session.sessionDescriptionHandler.peerConnection;
    peer.getReceivers().forEach(({ track }) => heard.addTrack(track));
    document.getElementById("remote-audio").srcObject = heard;
  }

  rings(invitation) {
    const answers = Boolean(invitation._replacee); // it is brought from one call into another
    this.takes(invitation);
    this.state = "ringing";
    this.contacts.push(invitation.request.getHeader("Contact"));
    if (answers) this.answer();
  }

  answer() {
    return this.session.accept(MEDIA);
  }

  // The dialog as this phone names it.
  dialog() {
    const { callId, localTag: local, remoteTag: remote } = this.session.dialog;
    return { callId, local, remote };
  }

  hangUp() {
    return this.session.bye();
  }

  // Subscribe outside the call, to the conference package or to another.
  subscribe(target, event = "conference") {
    const subscriber = new Subscriber(this.agent, UserAgent.makeURI(target), event);
    subscriber.stateChange.addListener((state) => {
      if (state === SubscriptionState.Subscribed) this.watch = "active";
      if (state === SubscriptionState.Terminated) this.watch = "terminated";
    });
    subscriber.delegate = {
      onNotify: async (notification) => {
        await notification.accept();
        this.notes.push(notification.request.body);
      },
    };
    return subscriber.subscribe();
  }

  // REFER in the call; every sipfrag status up to the final one, or the refusal.
  refer(referTo) {
    const uri = UserAgent.makeURI(referTo);
    uri.toString = () => `<${referTo}>`; // SIP.js leaves out what a URI with ? in it needs
    return this.referring(uri);
  }

  // Have whom one has called call the other one of the call before, in place of that call.
  bringIn() {
    return this.referring(this.earlier);
  }

  referring(target) {
    const said = [];
    return new Promise((resolve) => {
      this.session.refer(target, {
        onNotify: async (notification) => {
          await notification.accept();
          const status = notification.request.body.split(" ")[1];
          said.push(status);
          if (Number(status) >= 200) resolve(said);
        },
        requestDelegate: {
          onReject: ({ message }) => resolve([`refused ${message.statusCode}`]),
        },
      });
    });
  }

  // A request outside any call, as this phone makes them.
  request(method, target, headers, delegate) {
    const core = this.agent.userAgentCore;
    const [to, from] = [UserAgent.makeURI(target), this.agent.configuration.uri];
    const message = core.makeOutgoingRequestMessage(method, to, from, to, {}, headers);
    core.request(message, delegate);
    return message;
  }

  // REFER outside any call; every sipfrag status up to the final one, or the refusal.
  referOutside(target, referTo) {
    const said = [];
    return new Promise((resolve) => {
      const headers = [`Refer-To: ${referTo}`, `Contact: ${this.agent.contact.toString()}`];
      const { callId, fromTag } = this.request("REFER", target, headers, {
        onReject: ({ message }) => resolve([`refused ${message.statusCode}`]),
      });
      this.agent.userAgentCore.subscribers.set(`${callId}${fromTag}refer`, {
        onNotify: (notify) => {
          notify.accept();
          const status = notify.message.body.split(" ")[1];
          said.push(status);
          if (Number(status) >= 200) resolve(said);
        },
        dispose: () => {},
      });
    });
  }

  // OPTIONS outside any call; the answer's fields and body.
  ask(target) {
    return new Promise((resolve) => {
      const told = ({ message }) =>
        resolve({
          status: message.statusCode,
          contact: message.getHeader("Contact"),
          allow: message.getHeader("Allow"),
          accept: message.getHeaders("Accept").join(", "),
          events: message.getHeaders("Allow-Events").join(", "),
          supported: message.getHeaders("Supported").join(", "),
          body: message.body,
        });
      const headers = ["Accept: application/sdp"];
      this.request("OPTIONS", target, headers, { onAccept: told, onReject: told });
    });
  }
}

window.phone = new Phone();
