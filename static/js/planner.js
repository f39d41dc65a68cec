// The planner: week, month and list by FullCalendar. What is dragged over is booked by
// the form, and what is dragged elsewhere is moved at once or goes back with the reason.

import { Calendar, dayGrid, interaction, list, timeGrid } from "../vendor/fullcalendar.js";
import { $, say } from "./room/page.js";
import { gettext, locale } from "./words.js";

const config = JSON.parse($("planner-config").textContent);
const narrow = window.matchMedia("(max-width: 640px)");
const VIEW = "parley-planner-view";
const ROLES = ["grid", "rowgroup", "row", "gridcell", "columnheader"]
  .map((role) => `[role=${role}]`)
  .join();
const CLOCK = { hour: "2-digit", minute: "2-digit", hour12: locale() === "en-us" };
const MINUTE_MS = 60_000;

const buttons = (kind) => document.querySelectorAll(`#planner-calendar [data-${kind}]`);

function complain(words) {
  $("planner-words").textContent = words;
  $("planner-problem").hidden = !words;
}

/** Wall-clock time of the person's zone, without an offset: as the server says and reads it. */
const wall = (date) => date.toISOString().slice(0, 19);

function book({ start, end, allDay }) {
  const query = new URLSearchParams(
    allDay
      ? { starts_at: `${wall(start).slice(0, 10)}T09:00`, minutes: 60 }
      : { starts_at: wall(start), minutes: Math.round((end - start) / MINUTE_MS) },
  );
  window.location.assign(`${config.book}?${query}`);
}

async function move(change) {
  const { event, revert } = change;
  const body = new FormData($("planner-form"));
  body.set("conference", event.extendedProps.conference);
  body.set("on", event.extendedProps.on);
  body.set("starts_at", wall(event.start));
  body.set("minutes", String(Math.round((event.end - event.start) / MINUTE_MS)));
  let problem = "";
  try {
    const response = await fetch(config.move, { method: "POST", body });
    // To the sign-in, that is: the session is over.
    if (response.redirected) problem = gettext("You are signed out, and nothing was moved. Load the page again and sign in.");
    else if (!response.ok) problem = (await response.json().catch(() => ({}))).error || gettext("It was not moved.");
  } catch {
    problem = gettext("The server cannot be reached. It was not moved.");
  }
  complain(problem);
  if (problem) revert();
  else say(gettext("“%(title)s” was moved. Everybody on its list is told.", { title: event.title }));
}

const calendar = new Calendar($("planner"), {
  plugins: [dayGrid, timeGrid, list, interaction],
  initialView: sessionStorage.getItem(VIEW) || (narrow.matches ? "listWeek" : "timeGridWeek"),
  initialDate: config.date,
  timeZone: "UTC", // Times come and go as the wall clock of the person's own zone.
  now: config.now,
  nowIndicator: true,
  firstDay: locale() === "en-us" ? 0 : 1,
  locale: locale(),
  height: "70vh",
  scrollTime: "08:00",
  slotDuration: "00:30",
  allDaySlot: false,
  headerToolbar: false,
  eventTimeFormat: CLOCK,
  slotLabelFormat: CLOCK,
  views: {
    // How long it is says its height; the words need the place.
    timeGridWeek: { dayHeaderFormat: { weekday: "short", day: "numeric" }, displayEventEnd: false },
    listWeek: { height: "auto" },
  },
  noEventsText: gettext("Nothing this week"),
  selectable: Boolean(config.book),
  selectMirror: true,
  select: book,
  eventDrop: move,
  eventResize: move,
  datesSet: shown,
  eventDidMount: whole,
  events: async ({ start, end }) => {
    const query = new URLSearchParams({ start: wall(start), end: wall(end) });
    const response = await fetch(`${config.events}?${query}`);
    if (!response.ok) throw new Error(gettext("The conferences could not be loaded."));
    return response.json();
  },
  eventSourceFailure: (error) => complain(error.message),
});

/** What does not fit can be read by pointing at it; a night's two parts say when it really is. */
function whole({ event, el, view }) {
  const [start, end] = [event.start, event.end ?? event.start].map((at) =>
    at.toLocaleTimeString(locale(), { ...CLOCK, timeZone: "UTC" }),
  );
  el.title = `${start}–${end} ${event.title}`;
  const time = el.querySelector(".fc-list-event-time");
  if (time && view.type === "listWeek") time.textContent = `${start}–${end}`;
}

function shown({ view }) {
  sessionStorage.setItem(VIEW, view.type);
  $("planner-title").textContent = view.title;
  for (const button of buttons("view")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === view.type));
  }
  // Its tables are for layout: a grid without cells says less than the list beside it.
  for (const part of $("planner").querySelectorAll(ROLES)) {
    part.setAttribute("role", "presentation");
    // What has a name is not taken for layout.
    part.removeAttribute("aria-labelledby");
  }
  // The hours are scrolled by keyboard, too.
  for (const part of $("planner").querySelectorAll(".fc-scroller-liquid-absolute")) part.tabIndex = 0;
}

for (const button of buttons("go")) {
  button.addEventListener("click", () => calendar[button.dataset.go]());
}
for (const button of buttons("view")) {
  button.addEventListener("click", () => calendar.changeView(button.dataset.view));
}
$("planner-calendar").hidden = false;
$("planner-list").hidden = true;
calendar.render();
