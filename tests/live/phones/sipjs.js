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
  async start({ websocket, aor, username, password, displayName }) {
    this.agent = new UserAgent({
      uri: UserAgent.makeURI(aor),
      transportOptions: { server: websocket },
      authorizationUsername: username,
      authorizationPassword: password,
      displayName,
      logLevel: "error",
      sessionDescriptionHandlerFactoryOptions: {
        iceGatheringTimeout: 500,
        peerConnectionConfiguration: { iceServers: [] },
      },
      delegate: {
        // SIP.js leaves both to its user: connect again, and register there.
        onDisconnect: (error) => error && this.agent.reconnect(),
        onConnect: () => this.registerer && this.registerer.register(),
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

  // Call; the status and phrase of what came back.
  call(target) {
    const began = performance.now();
    this.times = { began };
    this.session = new Inviter(this.agent, UserAgent.makeURI(target), {
      sessionDescriptionHandlerOptions: { constraints: { audio: true, video: false } },
    });
    this.session.delegate = {
      onBye: (bye) => {
        bye.accept();
        this.ended = { by: "remote", reason: bye.incomingByeRequest.message.getHeader("Reason") || "" };
      },
    };
    return new Promise((resolve) => {
      this.session.stateChange.addListener((state) => {
        if (state === SessionState.Established) this.established(began);
        if (state === SessionState.Terminated) this.state = this.ended ? "ended" : "failed";
        if (state === SessionState.Established) resolve({ status: 200, reason: "OK" });
      });
      this.session.invite({
        requestDelegate: {
          onAccept: ({ message }) => {
            this.isFocus = /;\s*isfocus/.test(message.getHeader("Contact"));
          },
          onReject: ({ message }) =>
            resolve({ status: message.statusCode, reason: message.reasonPhrase }),
        },
      });
    });
  }

  established(began) {
    this.state = "confirmed";
    this.times.confirmed = performance.now() - began;
    const heard = new MediaStream();
    const peer = this.session.sessionDescriptionHandler.peerConnection;
    peer.getReceivers().forEach(({ track }) => heard.addTrack(track));
    document.getElementById("remote-audio").srcObject = heard;
  }

  hangUp() {
    return this.session.bye();
  }

  // Subscribe to the conference package outside the call.
  subscribe(target) {
    const subscriber = new Subscriber(this.agent, UserAgent.makeURI(target), "conference");
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
    const said = [];
    return new Promise((resolve) => {
      this.session.refer(UserAgent.makeURI(referTo), {
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
}

window.phone = new Phone();
